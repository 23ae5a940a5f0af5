#include "store/store.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "support/installed_driver.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FakeClock final : public Clock {
public:
    std::chrono::seconds wall() override { return std::chrono::seconds{1'700'000'000}; }
    std::chrono::steady_clock::time_point steady() override { return now; }
    void sleep(std::chrono::milliseconds time) override {
        now += time;
        ++sleeps;
    }
    std::chrono::steady_clock::time_point now;
    int sleeps = 0;
};

class StoreTest : public testing::Test {
protected:
    StoreTest() { store_.prepare(); }

    Staging staged(const std::string& content) {
        Staging staging = store_.make_staging();
        dir_.write(staging.path().substr(1) + "/lib64/libcuda.so.1", content);
        dir_.write(staging.path().substr(1) + "/driver.json", manifest_.to_json());
        return staging;
    }
    GenerationInfo info() {
        return {.pair = manifest_.pair(),
                .kernel_release = manifest_.kernel_release,
                .manifest_digest = {},
                .reference = "test",
                .driver_json_digest = Digest::from_hex(sha256_hex(manifest_.to_json())),
                .installed_at = std::chrono::seconds{1},
                .size_bytes = 1,
                .layers = {}};
    }
    std::string library() {
        return dir_.root().read_file(store_.generation_path(manifest_.pair()) + "/lib64/libcuda.so.1").value_or("none");
    }

    TemporaryRoot dir_;
    Store store_{dir_.root()};
    DriverManifest manifest_ = small_manifest("900.1.0");
    FakeClock clock_;
};

TEST_F(StoreTest, PublishesATreeWithItsCommitRecord) {
    store_.publish(staged("cuda"), info());
    EXPECT_EQ(library(), "cuda");
    const auto generations = store_.list_generations();
    ASSERT_EQ(generations.size(), 1U);
    EXPECT_EQ(generations[0].pair, manifest_.pair());
    EXPECT_EQ(store_.read_manifest(manifest_.pair()).to_json(), manifest_.to_json());
    EXPECT_THAT(dir_.tree("opt/nvidia/.overdrive/staging"), IsEmpty());
    EXPECT_EQ(dir_.root().status(store_.generation_path(manifest_.pair()))->st_mode & 0777U, 0755U);
}

TEST_F(StoreTest, IsTheSameAfterPublishingTwice) {
    store_.publish(staged("cuda"), info());
    const auto before = dir_.tree();
    store_.publish(staged("cuda"), info());
    EXPECT_EQ(dir_.tree(), before);
}

TEST_F(StoreTest, ReplacesADamagedGeneration) {
    store_.publish(staged("damaged"), info());
    store_.publish(staged("right"), info());
    EXPECT_EQ(library(), "right");
    EXPECT_EQ(store_.list_generations().size(), 1U);
    EXPECT_THAT(dir_.tree("opt/nvidia/.overdrive/staging"), IsEmpty());
}

TEST_F(StoreTest, ReplacesATreeThatHasNoCommitRecord) {
    dir_.write("opt/nvidia/900.1.0/4081.2.1/half", "x");
    EXPECT_THAT(store_.list_generations(), IsEmpty());
    store_.publish(staged("right"), info());
    EXPECT_FALSE(dir_.root().exists("opt/nvidia/900.1.0/4081.2.1/half"));
    EXPECT_EQ(store_.list_generations().size(), 1U);
}

TEST_F(StoreTest, CallsNothingAGenerationWithoutAnIntactCommitRecord) {
    store_.publish(staged("cuda"), info());
    const std::string commit = "opt/nvidia/.overdrive/generations/900.1.0@4081.2.1.json";
    const std::string text = dir_.root().read_file(commit).value();
    dir_.write(commit, std::string(text.size(), '\0'));
    EXPECT_THAT(store_.list_generations(), IsEmpty());
    dir_.write(commit, text);
    EXPECT_EQ(store_.list_generations().size(), 1U);
    dir_.write("opt/nvidia/.overdrive/generations/900.1.1@4081.2.1.json", text);  // tells of another pair
    EXPECT_EQ(store_.list_generations().size(), 1U);
    dir_.root().remove_tree("opt/nvidia/900.1.0");
    EXPECT_THAT(store_.list_generations(), IsEmpty());
}

TEST_F(StoreTest, NoticesAChangedDriverJson) {
    store_.publish(staged("cuda"), info());
    dir_.write("opt/nvidia/900.1.0/4081.2.1/driver.json", small_manifest("900.1.1").to_json());
    try {
        static_cast<void>(store_.read_manifest(manifest_.pair()));
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::digest_mismatch);
    }
}

TEST_F(StoreTest, HasNoManifestOfAGenerationThatIsNotThere) {
    try {
        static_cast<void>(store_.read_manifest(manifest_.pair()));
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::incomplete_artifact);
    }
}

TEST_F(StoreTest, RemovesAGenerationAndNothingElse) {
    const auto before = dir_.tree();
    store_.publish(staged("cuda"), info());
    store_.remove_generation(manifest_.pair());
    EXPECT_EQ(dir_.tree(), before);
    store_.remove_generation(manifest_.pair());  // absent is no error
}

TEST_F(StoreTest, KeepsTheOtherGenerationsOfADriver) {
    store_.publish(staged("cuda"), info());
    manifest_ = small_manifest("900.1.0", "4081.3.0");
    store_.publish(staged("cuda"), info());
    store_.remove_generation(manifest_.pair());
    EXPECT_EQ(store_.list_generations().size(), 1U);
}

TEST_F(StoreTest, RemovesStagingThatIsNotPublished) {
    { const Staging staging = staged("cuda"); }
    EXPECT_THAT(dir_.tree("opt/nvidia/.overdrive/staging"), IsEmpty());
}

TEST_F(StoreTest, MovesStagingWithoutRemovingItTwice) {
    Staging first = staged("1");
    Staging second = staged("2");
    const std::string kept = first.path();
    second = std::move(first);
    EXPECT_TRUE(dir_.root().exists(kept));
    EXPECT_EQ(dir_.root().list("opt/nvidia/.overdrive/staging").size(), 1U);
}

TEST_F(StoreTest, HandsStagingToAnotherProcess) {
    Staging mine = staged("cuda");
    const std::string id = mine.id();
    mine.release();
    dir_.write("opt/nvidia/.overdrive/staging/dead-run/x", "x");
    EXPECT_THAT(store_.remove_stale_staging(), ElementsAre("dead-run"));
    EXPECT_FALSE(dir_.root().exists("opt/nvidia/.overdrive/staging/dead-run"));
    store_.publish(store_.adopt_staging(id), info());
    EXPECT_EQ(library(), "cuda");
    EXPECT_THROW(static_cast<void>(store_.adopt_staging("../generations")), Error);
    EXPECT_THROW(static_cast<void>(store_.adopt_staging("..")), Error);
    EXPECT_THROW(static_cast<void>(store_.adopt_staging("gone")), Error);
}

TEST_F(StoreTest, PointsCurrentAndReadsIt) {
    EXPECT_FALSE(store_.read_current());
    store_.point_current(manifest_.pair());
    EXPECT_EQ(store_.read_current(), manifest_.pair());
    EXPECT_EQ(dir_.root().read_link("opt/nvidia/current"), "900.1.0/4081.2.1");
    EXPECT_TRUE(store_.remove_current());
    EXPECT_FALSE(store_.remove_current());
}

TEST_F(StoreTest, RefusesACurrentThatIsNoPair) {
    dir_.root().make_link("opt/nvidia/current", "../../etc");
    try {
        static_cast<void>(store_.read_current());
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::bad_record);
    }
}

TEST_F(StoreTest, KeepsTheRecordAndNamesItWhenItIsDamaged) {
    EXPECT_FALSE(store_.load_record());
    Record record;
    record.wanted = "900";
    store_.save_record(record);
    EXPECT_EQ(store_.load_record(), record);
    dir_.write("opt/nvidia/.overdrive/record.json", std::string(300, '\0'));
    try {
        static_cast<void>(store_.load_record());
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::bad_record);
        EXPECT_THAT(error.what(), HasSubstr("/opt/nvidia/.overdrive/record.json"));
    }
}

TEST_F(StoreTest, WorksWhereOptIsALink) {
    TemporaryRoot other;
    other.root().make_directories("var/opt");
    other.root().make_link("opt", "/var/opt");
    Store store{other.root()};
    store.prepare();
    store.publish(store.make_staging(), info());
    EXPECT_TRUE(other.root().exists("var/opt/nvidia/900.1.0/4081.2.1"));
    EXPECT_EQ(store.list_generations().size(), 1U);
}

TEST_F(StoreTest, SaysBusyAndWhoHoldsTheLock) {
    const Lock held = store_.lock("install", std::chrono::seconds{0}, clock_);
    EXPECT_THAT(store_.lock_holder().value_or(""), HasSubstr("install"));
    try {
        static_cast<void>(store_.lock("update", std::chrono::seconds{2}, clock_));
        FAIL() << "two hold it";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::busy);
        EXPECT_THAT(error.what(), HasSubstr("pid " + std::to_string(getpid())));
        EXPECT_THAT(error.what(), HasSubstr("install"));
    }
    EXPECT_EQ(clock_.sleeps, 20);
}

TEST_F(StoreTest, FreesTheLockAtItsEnd) {
    { const Lock held = store_.lock("install", std::chrono::seconds{0}, clock_); }
    EXPECT_FALSE(store_.lock_holder());
    const Lock next = store_.lock("update", std::chrono::seconds{0}, clock_);
    EXPECT_THAT(store_.lock_holder().value_or(""), HasSubstr("update"));
}

TEST_F(StoreTest, FreesTheLockOfAProcessThatDies) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const Lock held = store_.lock("install", std::chrono::seconds{0}, clock_);
        _exit(store_.lock_holder() ? 0 : 1);  // no destructor runs: as if killed
    }
    int status = 1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    const Lock next = store_.lock("update", std::chrono::seconds{0}, clock_);
}

}  // namespace
}  // namespace overdrive
