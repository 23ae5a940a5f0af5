#include "archive/unpack.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <functional>

#include "support/temporary_root.hpp"
#include "unit/archive/fake_source.hpp"
#include "unit/archive/tar_maker.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

class UnpackTest : public testing::Test {
protected:
    UnpackTest() { dir_.root().make_directories("staging"); }

    std::vector<UnpackedFile> unpack_bytes(const std::string& blob,
                                           const std::string& type = "application/vnd.oci.image.layer.v1.tar+zstd") {
        const UniqueFd staging = dir_.root().open("staging", O_RDONLY | O_DIRECTORY);
        return unpack_layer(source_, source_.add(blob, LayerRole::modules, type), staging.get(), rules_, progress_);
    }
    std::vector<UnpackedFile> unpack(const TarMaker& tar) { return unpack_bytes(zstd(tar.tar())); }

    void expect_refused(Errc code, const std::string& words, const std::function<void()>& body) {
        try {
            body();
            ADD_FAILURE() << "accepted; wanted " << reason_code(code) << " saying " << words;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), code) << error.what();
            EXPECT_THAT(error.what(), HasSubstr(words));
        }
    }
    void expect_refused(const TarMaker& tar, const std::string& words, Errc code = Errc::bad_archive) {
        expect_refused(code, words, [&] { unpack(tar); });
    }
    FileSpec& expect_file(const std::string& path, const std::string& content) {
        FileSpec& spec = expected_[path];
        spec.path = path;
        spec.size = content.size();
        spec.sha256 = sha256_hex(content);
        rules_.expected = &expected_;
        return spec;
    }

    TemporaryRoot dir_;
    FakeSource source_;
    FakeProgress progress_;
    UnpackRules rules_{
        .prefix = "driver/", .most_bytes = 64U << 20U, .most_members = 100, .most_top_file = 0, .expected = nullptr};
    std::map<std::string, FileSpec, std::less<>> expected_;
};

TEST_F(UnpackTest, WritesFilesDirectoriesAndLinks) {
    const std::string large(5'000'000, 'x');
    const auto written = unpack(TarMaker{}
                                    .directory("driver/")
                                    .directory("driver/lib64/")
                                    .file("driver/lib64/libcuda.so.1.2", large)
                                    .link("driver/lib64/libcuda.so.1", "libcuda.so.1.2")
                                    .file("driver/bin/tool", "#!\n", 0755)
                                    .file("driver/empty", ""));
    const std::map<std::string, std::string> tree{{"staging/bin", "/"},
                                                  {"staging/bin/tool", "#!\n"},
                                                  {"staging/empty", ""},
                                                  {"staging/lib64", "/"},
                                                  {"staging/lib64/libcuda.so.1", "-> libcuda.so.1.2"},
                                                  {"staging/lib64/libcuda.so.1.2", large}};
    EXPECT_EQ(dir_.tree("staging"), tree);
    ASSERT_EQ(written.size(), 4U);
    EXPECT_EQ(written[0].path, "lib64/libcuda.so.1.2");
    EXPECT_EQ(written[0].sha256, sha256_hex(large));
    EXPECT_EQ(written[1].link_target, "libcuda.so.1.2");
}

TEST_F(UnpackTest, ReadsGzipToo) {
    const std::string content(300'000, 'y');
    unpack_bytes(gzip(TarMaker{}.file("driver/a", content).tar()), "application/vnd.docker.image.rootfs.diff.tar.gzip");
    EXPECT_EQ(dir_.root().read_file("staging/a"), content);
}

TEST_F(UnpackTest, NormalisesModeOwnerAndTime) {
    unpack(TarMaker{}.file("driver/setuid", "x", 06777).file("driver/secret", "x", 0600).directory("driver/d", 0700));
    const auto setuid = dir_.root().status("staging/setuid");
    EXPECT_EQ(setuid->st_mode & 07777U, 0755U);
    EXPECT_EQ(setuid->st_uid, geteuid());
    EXPECT_EQ(setuid->st_mtime, 0);
    EXPECT_EQ(dir_.root().status("staging/secret")->st_mode & 07777U, 0644U);
    EXPECT_EQ(dir_.root().status("staging/d")->st_mode & 07777U, 0755U);
}

TEST_F(UnpackTest, TellsProgressEveryCompressedByte) {
    const std::string blob = zstd(TarMaker{}.file("driver/a", std::string(100'000, 'z')).tar());
    unpack_bytes(blob);
    EXPECT_EQ(progress_.total, blob.size());
    EXPECT_EQ(progress_.advanced, blob.size());
    EXPECT_EQ(progress_.ended, 1);
}

TEST_F(UnpackTest, RefusesAnAbsoluteName) { expect_refused(TarMaker{}.file("/etc/cron.d/x", "x"), "absolute"); }
TEST_F(UnpackTest, RefusesDotDot) { expect_refused(TarMaker{}.file("driver/../../x", "x"), "plain relative"); }
TEST_F(UnpackTest, RefusesAMemberOutsideThePrefix) {
    expect_refused(TarMaker{}.file("etc/x", "x"), "outside 'driver/'");
}
TEST_F(UnpackTest, RefusesTheSameNameTwice) {
    expect_refused(TarMaker{}.file("driver/a", "1").file("driver/a", "2"), "comes twice");
}
TEST_F(UnpackTest, RefusesAFileInThePlaceOfADirectory) {
    expect_refused(TarMaker{}.file("driver/d/a", "1").file("driver/d", "2"), "the name is taken");
}
TEST_F(UnpackTest, RefusesADirectoryInThePlaceOfAFile) {
    expect_refused(TarMaker{}.file("driver/d", "1").file("driver/d/a", "2"), "is a file");
}
TEST_F(UnpackTest, RefusesAHardLink) {
    expect_refused(TarMaker{}.file("driver/a", "1").hard_link("driver/b", "driver/a"), "hard link");
}
TEST_F(UnpackTest, RefusesACharacterDevice) {
    expect_refused(TarMaker{}.member("driver/a", '3', {}, {}, 0666), "device");
}
TEST_F(UnpackTest, RefusesABlockDevice) { expect_refused(TarMaker{}.member("driver/a", '4', {}, {}, 0666), "device"); }
TEST_F(UnpackTest, RefusesAFifo) { expect_refused(TarMaker{}.member("driver/a", '6', {}, {}, 0666), "fifo"); }
TEST_F(UnpackTest, RefusesAWhiteout) { expect_refused(TarMaker{}.file("driver/.wh.a", ""), "whiteout"); }
TEST_F(UnpackTest, RefusesAnAbsoluteLink) { expect_refused(TarMaker{}.link("driver/a", "/etc/passwd"), "not inside"); }
TEST_F(UnpackTest, RefusesALinkThatLeavesTheTree) {
    expect_refused(TarMaker{}.link("driver/d/a", "../../x"), "not inside");
}

TEST_F(UnpackTest, RefusesAMemberThroughALink) {
    dir_.root().make_directories("outside");
    expect_refused(TarMaker{}.directory("driver/real").link("driver/l", "real").file("driver/l/a", "x"),
                   "through a link");
    EXPECT_TRUE(dir_.tree("staging/real").empty());
}

TEST_F(UnpackTest, NeverFollowsALinkThatWasInStagingBefore) {
    dir_.root().make_directories("outside");
    dir_.root().make_link("staging/l", "../outside");
    expect_refused(TarMaker{}.file("driver/l/a", "x"), "through a link");
    EXPECT_TRUE(dir_.tree("outside").empty());
}

TEST_F(UnpackTest, NeverReplacesAFileThatIsThere) {
    dir_.write("staging/a", "old");
    expect_refused(TarMaker{}.file("driver/a", "new"), "taken");
    EXPECT_EQ(dir_.root().read_file("staging/a"), "old");
}

TEST_F(UnpackTest, RefusesASecondArchiveBehindTheFirst) {
    const std::string two = TarMaker{}.file("driver/a", "1").tar() + TarMaker{}.file("driver/b", "2").tar();
    expect_refused(Errc::bad_archive, "after the end", [&] { unpack_bytes(zstd(two)); });
    EXPECT_FALSE(dir_.root().exists("staging/b"));
}

TEST_F(UnpackTest, RefusesBytesFarBehindTheEnd) {
    const std::string padded = TarMaker{}.file("driver/a", "1").tar() + std::string(900'000, '\0') + "x";
    expect_refused(Errc::bad_archive, "after the end", [&] { unpack_bytes(zstd(padded)); });
}

TEST_F(UnpackTest, TakesZeroPaddingBehindTheEnd) {
    unpack_bytes(zstd(TarMaker{}.file("driver/a", "1").tar() + std::string(900'000, '\0')));
    EXPECT_TRUE(dir_.root().exists("staging/a"));
}

TEST_F(UnpackTest, RefusesBytesBehindTheZstdFrame) {
    expect_refused(Errc::bad_archive, "zstd",
                   [&] { unpack_bytes(zstd(TarMaker{}.file("driver/a", "1").tar()) + "tail!"); });
}

TEST_F(UnpackTest, RefusesBytesBehindTheGzipMember) {
    const std::string blob = gzip(TarMaker{}.file("driver/a", "1").tar());
    expect_refused(Errc::bad_archive, "gzip",
                   [&] { unpack_bytes(blob + "tail!", "application/vnd.oci.image.layer.v1.tar+gzip"); });
}

TEST_F(UnpackTest, RefusesAnArchiveThatIsNotCompressedAsItSays) {
    const std::string tar = TarMaker{}.file("driver/a", "1").tar();
    expect_refused(Errc::bad_archive, "zstd", [&] { unpack_bytes(tar); });
    expect_refused(Errc::bad_archive, "gzip",
                   [&] { unpack_bytes(tar, "application/vnd.oci.image.layer.v1.tar+gzip"); });
    expect_refused(Errc::bad_archive, "neither", [&] { unpack_bytes(tar, "application/vnd.oci.image.layer.v1.tar"); });
}

TEST_F(UnpackTest, RefusesAnEmptyStream) {
    expect_refused(Errc::bad_archive, "zstd", [&] { unpack_bytes(std::string(1, 'x')); });
}

TEST_F(UnpackTest, RefusesWhatIsNoTar) {
    expect_refused(Errc::bad_archive, "malformed tar", [&] { unpack_bytes(zstd(std::string(70'000, 'q'))); });
}

TEST_F(UnpackTest, RefusesAMemberThatEndsEarly) {
    const std::string cut = zstd(TarMaker{}.header_only("driver/a", 1'000'000).raw(std::string(2048, 'x')).tar());
    expect_refused(Errc::bad_archive, "tar", [&] { unpack_bytes(cut); });
}

TEST_F(UnpackTest, RefusesMoreBytesThanAllowed) {
    rules_.most_bytes = 1000;
    expect_refused(TarMaker{}.file("driver/a", std::string(600, 'x')).file("driver/b", std::string(600, 'x')),
                   "1000 bytes");
}

TEST_F(UnpackTest, RefusesAZeroBomb) {
    rules_.most_bytes = 1000;
    rules_.most_members = 10;
    const std::string bomb = zstd(TarMaker{}.file("driver/a", "1").tar() + std::string(200'000'000, '\0'));
    expect_refused(Errc::bad_archive, "larger than", [&] { unpack_bytes(bomb); });
}

TEST_F(UnpackTest, RefusesMoreMembersThanAllowed) {
    rules_.most_members = 2;
    expect_refused(TarMaker{}.directory("driver/").file("driver/a", "").file("driver/b", ""), "2 members");
}

TEST_F(UnpackTest, RefusesAHugeDriverJson) {
    rules_.most_top_file = 100;
    expect_refused(TarMaker{}.file("driver/driver.json", std::string(101, 'x')), "larger than 100 bytes");
}

TEST_F(UnpackTest, RefusesAFileThatDriverJsonDoesNotList) {
    expect_file("lib64/a", "1");
    expect_refused(TarMaker{}.file("driver/lib64/b", "1"), "does not list");
    expect_refused(TarMaker{}.directory("driver/lib64").directory("driver/other"), "lists nothing");
}

TEST_F(UnpackTest, RefusesAFileWithAnotherContent) {
    expect_file("a", "1");
    expect_refused(TarMaker{}.file("driver/a", "2"), "'a' hashes to", Errc::digest_mismatch);
}

TEST_F(UnpackTest, DoesNotHashTheFilesOfALayerThatVouchesForThemButHoldsThemAgainstTheirSizes) {
    rules_.layer_vouches = true;
    const std::string listed = expect_file("a", "1").sha256;
    EXPECT_EQ(unpack(TarMaker{}.file("driver/a", "2")).at(0).sha256, listed);
    expect_refused(TarMaker{}.file("driver/b", "1"), "does not list");
    expect_refused(TarMaker{}.file("driver/a", "11"), "'a' has 2 bytes", Errc::digest_mismatch);
}

TEST_F(UnpackTest, RefusesAFileWithAnotherSize) {
    expect_file("a", "1");
    expect_refused(TarMaker{}.file("driver/a", "11"), "'a' has 2 bytes", Errc::digest_mismatch);
}

TEST_F(UnpackTest, RefusesAFileWithAnotherMode) {
    expect_file("a", "1").mode = 0755;
    expect_refused(TarMaker{}.file("driver/a", "1", 0644), "'a' has mode 0644", Errc::incomplete_artifact);
}

TEST_F(UnpackTest, RefusesALinkWithAnotherTarget) {
    expect_file("a", "").link_target = "b";
    expect_refused(TarMaker{}.link("driver/a", "c"), "'a' links to 'c'", Errc::digest_mismatch);
}

class UnpackFaults : public UnpackTest {
protected:
    // Does not compress, and is larger than all queues together, so that every stage is busy when the fault comes.
    static std::string noise() {
        std::string out;
        for (std::uint64_t x = 88172645463325252U; out.size() < (20U << 20U); x ^= x << 17U) {
            x ^= x << 13U;
            x ^= x >> 7U;
            out.append(reinterpret_cast<const char*>(&x), sizeof x);  // NOLINT(*-reinterpret-cast)
        }
        return out;
    }
    const std::string content_ = noise();
    const std::string blob_ = zstd(TarMaker{}.file("driver/a", content_).tar());
};

TEST_F(UnpackFaults, SaysTruncatedWhenTheSourceEndsEarly) {
    source_.faults.cut_after = blob_.size() / 2;
    expect_refused(Errc::truncated, "ended after", [&] { unpack_bytes(blob_); });
}

TEST_F(UnpackFaults, SaysUnreachableWhenTheSourceBreaks) {
    source_.faults.break_at = blob_.size() / 2;
    expect_refused(Errc::unreachable, "went dead", [&] { unpack_bytes(blob_); });
}

TEST_F(UnpackFaults, SaysUnreachableWhenTheSourceBreaksAtOnce) {
    source_.faults.break_at = 0;
    expect_refused(Errc::unreachable, "went dead", [&] { unpack_bytes(blob_); });
}

TEST_F(UnpackFaults, SaysDigestMismatchForAFlippedBitWhateverItBroke) {
    for (const std::uint64_t at : {std::uint64_t{3}, std::uint64_t{20}, blob_.size() / 2, blob_.size() - 1}) {
        TemporaryRoot fresh;
        source_.faults.flip_at = at;
        const UniqueFd staging = fresh.root().open(".", O_RDONLY | O_DIRECTORY);
        expect_refused(Errc::digest_mismatch, "hash to", [&] {
            unpack_layer(source_, source_.add(blob_, LayerRole::modules), staging.get(), rules_, progress_);
        });
    }
}

TEST_F(UnpackFaults, StopsTheSourceWhenTheDiskRefuses) {
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit small{.rlim_cur = 1U << 20U, .rlim_max = before.rlim_max};
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    expect_refused(Errc::io, "'a'", [&] { unpack_bytes(blob_); });
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    static_cast<void>(std::signal(SIGXFSZ, handler));
    EXPECT_LT(source_.delivered, blob_.size());
}

TEST_F(UnpackFaults, StopsTheSourceWhenProgressThrows) {
    struct Throwing final : Progress {
        void begin(std::string_view /*what*/, std::uint64_t /*total*/) override {}
        void advance(std::uint64_t /*bytes*/) override { throw Error{Errc::interrupted, "signal"}; }
        void end() override {}
    } throwing;
    const UniqueFd staging = dir_.root().open("staging", O_RDONLY | O_DIRECTORY);
    expect_refused(Errc::interrupted, "signal", [&] {
        unpack_layer(source_, source_.add(blob_, LayerRole::modules), staging.get(), rules_, throwing);
    });
    EXPECT_LT(source_.delivered, blob_.size());
}

TEST_F(UnpackFaults, ReadsOnToTheDigestWhenTheArchiveIsBad) {
    const std::string bad = zstd(TarMaker{}.file("outside", "x").file("driver/a", content_).tar());
    expect_refused(Errc::bad_archive, "outside", [&] { unpack_bytes(bad); });
    EXPECT_EQ(source_.delivered, bad.size());
}

}  // namespace
}  // namespace overdrive
