#include "store/guard_files.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "store/fetch.hpp"
#include "store/reuse.hpp"
#include "support/fake_guard.hpp"
#include "support/temporary_root.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Outcome = ContentGuard::Outcome;

constexpr const char* kLibrary = "lib64/libcuda.so.900.1.0";
constexpr std::uint64_t kLargeFiles = 3;
constexpr std::uint64_t kLargeBytes = 1'500'000 + 70'000 + 200'000;
constexpr std::uint64_t kSmallBytes = 6;  ///< below which nothing is asked of the kernel

class GuardFilesTest : public testing::Test {
protected:
    GuardFilesTest() {
        store_.prepare();
        install(SampleArtifact{});
    }

    FetchResult fetch(const SampleArtifact& sample, const Staging& staging) {
        sample.put_into(source_);
        return fetch_artifact(source_, *source_.artifact, staging, store_, progress_, {}, {}, &guard_);
    }
    void install(const SampleArtifact& sample) {
        Staging staging = store_.make_staging();
        const FetchResult fetched = fetch(sample, staging);
        store_.publish(std::move(staging), describe_generation(fetched, &*source_.artifact, "test", {}));
    }
    GuardedFiles guard() { return guard_files(store_, first_.manifest().pair(), guard_); }
    [[nodiscard]] std::string installed(const std::string& path) const { return "opt/nvidia/900.1.0/4081.2.1/" + path; }
    ino_t inode(const std::string& path) { return dir_.root().status(path).value().st_ino; }
    /// Writes past the kernel, as a bad disk would: the inode and what is measured of it stay.
    void damage(const std::string& path) {
        const UniqueFd file = dir_.root().open(installed(path), O_WRONLY);
        ASSERT_EQ(pwrite(file.get(), "x", 1, 100), 1);
    }

    TemporaryRoot dir_;
    Store store_{dir_.root()};
    FakeSource source_;
    FakeProgress progress_;
    FakeGuard guard_;
    SampleArtifact first_;
    SampleArtifact next_{"6.1.0-2-test", "4081.3.0"};
};

TEST_F(GuardFilesTest, AsksForTheLargeFilesOfUserSpaceAndNoOthers) {
    const GuardedFiles done = guard();
    EXPECT_EQ(done.files, kLargeFiles);
    EXPECT_EQ(done.bytes, kLargeBytes);
    EXPECT_THAT(done.different, IsEmpty());
    EXPECT_TRUE(guard_.guarded.contains(inode(installed(kLibrary))));
    EXPECT_FALSE(guard_.guarded.contains(inode(installed("lib/modules/6.1.0-1-test/nvidia.ko"))));
    EXPECT_FALSE(guard_.guarded.contains(inode(installed("bin/nvidia-smi"))));
}

TEST_F(GuardFilesTest, AgainGuardsNothingMore) {
    guard();
    const GuardedFiles again = guard();
    EXPECT_EQ(again.files, 0U);
    EXPECT_THAT(again.different, IsEmpty());
}

TEST_F(GuardFilesTest, AsksOnceWhereThereIsNoFsVerity) {
    guard_.answer = Outcome::not_available;
    EXPECT_EQ(guard().files, 0U);
    EXPECT_EQ(guard_.asked, 1);
}

TEST_F(GuardFilesTest, GoesOnAfterAFileThatIsBusy) {
    guard_.answer = Outcome::not_now;
    EXPECT_EQ(guard().files, 0U);
    EXPECT_EQ(guard_.asked, static_cast<int>(kLargeFiles));
}

TEST_F(GuardFilesTest, TellsAFileThatIsNotWhatDriverJsonSays) {
    damage(kLibrary);
    EXPECT_THAT(guard().different, ElementsAre(kLibrary));
    EXPECT_THAT(guard().different, ElementsAre(kLibrary)) << "every time";
}

TEST_F(GuardFilesTest, LeavesOutWhatIsMissingOrOfAnotherSize) {
    std::filesystem::remove(dir_.path() + "/" + installed(kLibrary));
    dir_.write(installed("lib64/libnvidia-ml.so.900.1.0"), "short");
    EXPECT_EQ(guard().files, kLargeFiles - 2);
}

TEST_F(GuardFilesTest, WhatTheKernelVouchesForIsLinkedUnread) {
    guard();
    damage(kLibrary);  // would be found if anybody read it; the real kernel lets nobody
    const Staging staging = store_.make_staging();
    const FetchResult fetched = fetch(next_, staging);
    EXPECT_TRUE(fetched.reused_user_space) << fetched.not_reused;
    EXPECT_EQ(fetched.vouched_bytes, kLargeBytes);
    EXPECT_EQ(fetched.rehashed_bytes, kSmallBytes);
    EXPECT_EQ(inode(staging.path() + "/" + kLibrary), inode(installed(kLibrary)))
        << "a copy, with shared blocks or without, would not be guarded";
}

TEST_F(GuardFilesTest, WhatItDoesNotGuardIsHashed) {
    const Staging staging = store_.make_staging();
    const FetchResult fetched = fetch(next_, staging);
    EXPECT_TRUE(fetched.reused_user_space) << fetched.not_reused;
    EXPECT_EQ(fetched.vouched_bytes, 0U);
    EXPECT_EQ(fetched.rehashed_bytes, kLargeBytes + kSmallBytes);
}

TEST_F(GuardFilesTest, AnotherDigestThanDriverJsonNamesVouchesForNothing) {
    guard();
    guard_.guarded.at(inode(installed(kLibrary)))[0] ^= 1;
    const Staging staging = store_.make_staging();
    FetchResult fetched = fetch(next_, staging);
    EXPECT_TRUE(fetched.reused_user_space) << fetched.not_reused;
    EXPECT_EQ(fetched.rehashed_bytes, 1'500'000 + kSmallBytes);
    damage(kLibrary);
    const Staging other = store_.make_staging();
    fetched = fetch(next_, other);
    EXPECT_FALSE(fetched.reused_user_space);
    EXPECT_THAT(fetched.not_reused, HasSubstr("damaged"));
}

TEST_F(GuardFilesTest, AnotherModeIsNotVouchedFor) {
    guard();
    ASSERT_EQ(chmod((dir_.path() + "/" + installed(kLibrary)).c_str(), 0755), 0);
    const Staging staging = store_.make_staging();
    EXPECT_FALSE(fetch(next_, staging).reused_user_space);
}

TEST_F(GuardFilesTest, ADriverJsonThatNamesNoDigestsIsHashed) {
    guard();
    DriverManifest older = next_.manifest();
    for (FileSpec& file : older.files) file.verity.clear();
    const Staging staging = store_.make_staging();
    const CloneResult clone = clone_user_space(store_, first_.manifest().pair(), staging, older, &guard_);
    EXPECT_TRUE(clone.reused) << clone.reason;
    EXPECT_EQ(clone.hashed_bytes, kLargeBytes + kSmallBytes);
}

/// Another generation may share the damaged inode: its hard link would bring the damage back.
TEST_F(GuardFilesTest, APairThatIsFetchedAgainTakesNothingUnread) {
    guard();
    install(next_);
    damage(kLibrary);
    const Staging staging = store_.make_staging();
    const FetchResult fetched = fetch(first_, staging);
    EXPECT_FALSE(fetched.reused_user_space);
    EXPECT_EQ(dir_.root().read_file(staging.path() + "/" + kLibrary), first_.user_space.at(kLibrary));
}

}  // namespace
}  // namespace overdrive
