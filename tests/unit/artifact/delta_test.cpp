#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/delta_reader.hpp"
#include "builder-images/artifact/delta/delta_image.hpp"
#include "builder-images/artifact/delta/delta_plan.hpp"
#include "builder-images/artifact/delta/delta_writer.hpp"
#include "support/error.hpp"
#include "support/installed_driver.hpp"
#include "support/sha256.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

Digest digest(char digit) { return Digest::from_hex(std::string(64, digit)); }

/// Content that does not compress, of which another seed has nothing.
std::string noise(std::uint64_t seed, std::size_t bytes) {
    std::string out(bytes, '\0');
    for (char& byte : out) {
        seed = seed * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
        byte = static_cast<char>(seed >> 56U);
    }
    return out;
}

/// A tree of user space with its driver.json.
struct Tree {
    Tree(const std::string& version, const std::map<std::string, std::string>& files)
        : manifest{small_manifest(version, "12-6.1.0-1-test", "6.1.0-1-test")} {
        for (const auto& [path, content] : files) {
            root.write(path, content);
            manifest.files.push_back(
                {.path = path, .size = content.size(), .sha256 = sha256_hex(content), .link_target = {}});
        }
    }
    [[nodiscard]] UserSpaceTree user_space(char layer) const { return {root.root(), manifest, digest(layer)}; }

    TemporaryRoot root;
    DriverManifest manifest;
};

TEST(DeltaPlan, FindsTheFileThatHadAnotherVersionInItsName) {
    const Tree from{"900.1.0",
                    {{"lib/firmware/nvidia/900.1.0/gsp_ga10x.bin", "ga"},
                     {"lib/firmware/nvidia/900.1.0/gsp_tu10x.bin", "tu"},
                     {"lib64/libcuda.so.900.1.0", "of one size"},
                     {"lib64/libcuda.so.1.2", "of quite another size"},
                     {"lib64/nvidia.note", "x"}}};
    const auto found = [&](const std::string& path, std::uint64_t size) {
        const FileSpec* file =
            find_old_file({.path = path, .size = size, .sha256 = {}, .link_target = {}}, from.manifest);
        return file == nullptr ? "" : file->path;
    };
    EXPECT_EQ(found("lib64/nvidia.note", 5), "lib64/nvidia.note");
    EXPECT_EQ(found("lib/firmware/nvidia/900.1.2/gsp_tu10x.bin", 2), "lib/firmware/nvidia/900.1.0/gsp_tu10x.bin");
    EXPECT_EQ(found("lib64/libcuda.so.900.1.2", 10), "lib64/libcuda.so.900.1.0");
    EXPECT_EQ(found("lib64/libcuda.so.2.0", 20), "lib64/libcuda.so.1.2");
    EXPECT_EQ(found("lib64/libnew.so.900.1.2", 5), "");
}

TEST(DeltaPlan, PiecesCoverTheNewFileAndSlicesStayInTheOldOne) {
    constexpr std::uint64_t kMiB = 1U << 20U;
    for (const std::uint64_t new_bytes : {std::uint64_t{0}, std::uint64_t{1}, 4 * kMiB, 4 * kMiB + 1, 119 * kMiB}) {
        for (const std::uint64_t old_bytes : {std::uint64_t{0}, std::uint64_t{1}, 3 * kMiB, 8 * kMiB + 1, 130 * kMiB}) {
            std::uint64_t covered = 0;
            for (const DeltaPiece& piece : plan_pieces(new_bytes, old_bytes)) {
                covered += piece.bytes;
                EXPECT_LE(piece.bytes, DeltaTable::kMostPieceBytes);
                EXPECT_LE(piece.slice_bytes, DeltaTable::kMostSliceBytes);
                EXPECT_LE(piece.slice_offset + piece.slice_bytes, old_bytes);
            }
            EXPECT_EQ(covered, new_bytes) << new_bytes << " of " << old_bytes;
        }
    }
}

TEST(DeltaPlan, ASliceLiesAroundThePlaceOfItsPiece) {
    constexpr std::uint64_t kMiB = 1U << 20U;
    const auto pieces = plan_pieces(100 * kMiB, 100 * kMiB);
    EXPECT_EQ(pieces.at(12).slice_offset, 46 * kMiB) << "48 to 52 MiB are made of 46 to 54";
    EXPECT_EQ(pieces.at(12).slice_bytes, 8 * kMiB);
}

class DeltaWriterTest : public testing::Test {
protected:
    static std::string changed(std::string library) {
        library[5'000'000] ^= 1;
        return library.insert(2'000'000, "a few bytes more");
    }
    std::string old_ = noise(1, 9'000'000);
    std::string changed_ = changed(old_);
    Tree from_{"900.1.0", {{"lib64/libcuda.so.900.1.0", old_}, {"usr/share/same", "same"}}};
    Tree to_{"900.1.2",
             {{"lib64/libcuda.so.900.1.2", changed_},
              {"lib64/libnew.so", noise(2, 1000)},
              {"usr/share/empty", ""},
              {"usr/share/moved", "same"}}};
    TemporaryRoot work_;
};

TEST_F(DeltaWriterTest, HoldsLittleMoreThanWhatChanged) {
    const DeltaSummary summary = write_delta(from_.user_space('a'), to_.user_space('b'), 3, work_.root());
    EXPECT_EQ(summary.same.files, 1U);
    EXPECT_EQ(summary.patched.bytes, changed_.size());
    EXPECT_EQ(summary.whole.bytes, 1000U);
    EXPECT_LT(delta_bytes(work_.root()), 10'000U);
    check_delta(from_.user_space('a'), to_.user_space('b'), work_.root());
}

TEST_F(DeltaWriterTest, TheSameTreesGiveTheSameBytes) {
    const TemporaryRoot again;
    static_cast<void>(write_delta(from_.user_space('a'), to_.user_space('b'), 3, work_.root()));
    static_cast<void>(write_delta(from_.user_space('a'), to_.user_space('b'), 3, again.root()));
    EXPECT_EQ(work_.tree(), again.tree());
}

TEST_F(DeltaWriterTest, ADeltaThatMakesAnotherFileIsFound) {
    static_cast<void>(write_delta(from_.user_space('a'), to_.user_space('b'), 3, work_.root()));
    from_.root.write("lib64/libcuda.so.900.1.0", noise(3, 9'000'000));
    EXPECT_THROW(check_delta(from_.user_space('a'), to_.user_space('b'), work_.root()), Error);
}

TEST(DeltaImage, ItsManifestSaysWhatTheIndexWillSay) {
    OfferedDelta delta{.from = digest('a'),
                       .to = digest('b'),
                       .from_version = "535.261.03",
                       .to_version = "535.309.01",
                       .manifest = digest('0'),
                       .blob = digest('c'),
                       .download_bytes = 123};
    const RawManifest manifest = delta_manifest(delta);
    delta.manifest = manifest.digest;
    EXPECT_TRUE(is_delta(manifest));
    EXPECT_EQ(parse_delta_manifest(manifest), delta);
    EXPECT_EQ(tag_of(delta), "delta_535.261.03_535.309.01_aaaaaaaaaaaa_bbbbbbbbbbbb");
    EXPECT_FALSE(pair_of_tag(tag_of(delta))) << "nodes and tools must not take it for a pair";
}

}  // namespace
}  // namespace overdrive
