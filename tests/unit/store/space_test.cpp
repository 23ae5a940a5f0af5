#include "store/space.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/fetch.hpp"
#include "support/installed_driver.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

FileSpec file(const std::string& path, std::uint64_t size, LayerRole layer) {
    return {
        .path = path, .layer = layer, .mode = 0644, .size = size, .sha256 = std::string(64, '0'), .link_target = {}};
}

DriverManifest some_files() {
    DriverManifest manifest = small_manifest("900.1.0");
    manifest.files = {file("lib/firmware/a", 4097, LayerRole::user_space),
                      file("lib/modules/k/b.ko", 1, LayerRole::modules),
                      file("lib/modules/k/c.ko", 8192, LayerRole::modules), file("lib64/d", 0, LayerRole::user_space)};
    return manifest;
}

TEST(SpaceTest, CountsWholeBlocksAndDirectories) {
    // a: 2 blocks, b: 1, c: 2, d: none; lib, lib/firmware, lib/modules, lib/modules/k, lib64
    EXPECT_EQ(space_of(some_files(), true, true, 4096), (UnpackedSize{.bytes = 10 * 4096, .inodes = 9}));
    EXPECT_EQ(space_of(some_files(), true, false, 4096), (UnpackedSize{.bytes = 5 * 4096, .inodes = 4}))
        << "lib is made with user space";
    EXPECT_EQ(space_of(some_files(), false, true, 65536).bytes, 3U * 65536);
    EXPECT_EQ(space_of(some_files(), false, false, 4096), UnpackedSize{});
}

TEST(SpaceTest, RefusesSumsThatNoDriverHas) {
    DriverManifest manifest = some_files();
    for (FileSpec& each : manifest.files) each.size = 1ULL << 39U;
    EXPECT_THROW(static_cast<void>(space_of(manifest, true, true, 4096)), Error);
}

TEST(SpaceTest, CountsWhatLayersAnnounce) {
    ResolvedArtifact artifact{
        .reference = "r", .manifest_digest = Digest::from_hex(std::string(64, '1')), .layers = {}};
    for (const LayerRole role : {LayerRole::program, LayerRole::user_space, LayerRole::modules}) {
        artifact.layers.push_back({.digest = Digest::from_hex(std::string(64, '2')),
                                   .size = 1,
                                   .media_type = "t",
                                   .role = role,
                                   .unpacked = UnpackedSize{.bytes = 40960, .inodes = 3}});
    }
    EXPECT_EQ(announced_space(artifact, false, 4096), (UnpackedSize{.bytes = 81920, .inodes = 6}));
    EXPECT_EQ(announced_space(artifact, true, 4096), (UnpackedSize{.bytes = 40960, .inodes = 3}));
    EXPECT_EQ(announced_space(artifact, true, 65536).bytes, 40960U + 3 * (65536 - 4096));
    artifact.layers[2].unpacked.reset();
    EXPECT_EQ(announced_space(artifact, true, 4096), UnpackedSize{}) << "what is not announced is checked later";
}

class RequireSpaceTest : public testing::Test {
protected:
    RequireSpaceTest() { store_.prepare(); }
    std::string refusal(const SpaceLeft& left, const UnpackedSize& need) {
        try {
            require_space(store_, left, need);
            return "";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::no_space);
            return error.what();
        }
    }
    TemporaryRoot dir_;
    Store store_{dir_.root()};
};

TEST_F(RequireSpaceTest, NamesNeededAndAvailableBytesAndInodes) {
    const UnpackedSize need{.bytes = 1'000'000, .inodes = 10};
    const std::uint64_t exact = 1'000'000 + 8 * 4096;  // and what every install writes beside it
    EXPECT_THAT(refusal({.bytes = exact, .inodes = 18}, need), IsEmpty());
    EXPECT_THAT(refusal({.bytes = exact, .inodes = {}}, need), IsEmpty());
    EXPECT_THAT(
        refusal({.bytes = exact - 1, .inodes = 18}, need),
        HasSubstr("'/opt/nvidia': the driver needs 1032768 bytes (1.0 MiB) and 18 inodes; 1032767 bytes (1.0 MiB) "
                  "and 18 inodes are free"));
    EXPECT_THAT(refusal({.bytes = exact, .inodes = 17}, need), HasSubstr("and 17 inodes are free"));
    EXPECT_THAT(refusal({.bytes = 0, .inodes = {}}, need), HasSubstr("any number of inodes are free"));
    EXPECT_THAT(refusal({.bytes = 0, .inodes = 0}, {}), IsEmpty()) << "nothing is written, nothing is needed";
}

TEST_F(RequireSpaceTest, TellsBothNumbersWhenTheDiskFillsUpMeanwhile) {
    const UnpackedSize need{.bytes = 4096, .inodes = 1};
    const auto told = [&](const UnpackedSize& wanted, const Error& error) -> std::string {
        try {
            telling_space(store_, wanted, [&]() -> int { throw error; });
        } catch (const Error& caught) {
            EXPECT_EQ(caught.code(), error.code());
            return caught.what();
        }
        return "nothing was thrown";
    };
    EXPECT_THAT(told(need, Error{Errc::no_space, "write 'x': full"}),
                testing::AllOf(testing::StartsWith(
                                   "write 'x': full; in all the driver needs 36864 bytes (0.0 MiB) and 9 inodes; "),
                               testing::EndsWith(" inodes are free")));
    EXPECT_THAT(told({}, Error{Errc::no_space, "write 'x': full"}), testing::Not(HasSubstr("needs")));
    EXPECT_EQ(told(need, Error{Errc::io, "write 'x': broken"}), "write 'x': broken");
    const std::string once = refusal({.bytes = 0, .inodes = 0}, need);
    EXPECT_EQ(told(need, Error{Errc::no_space, once}), once);
}

TEST_F(RequireSpaceTest, RefusesBeforeTheFirstLayerIsAskedFor) {
    FakeSource source;
    FakeProgress progress;
    SampleArtifact{}.put_into(source);
    for (LayerDescriptor& layer : source.artifact->layers)
        layer.unpacked = UnpackedSize{.bytes = 1ULL << 40U, .inodes = 5};
    const Staging staging = store_.make_staging();
    try {
        static_cast<void>(fetch_artifact(source, *source.artifact, staging, store_, progress, {}));
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::no_space) << error.what();
    }
    EXPECT_THAT(source.asked, IsEmpty());
}

}  // namespace
}  // namespace overdrive
