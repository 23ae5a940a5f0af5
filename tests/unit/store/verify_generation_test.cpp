#include "store/verify_generation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "support/installed_driver.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

class CountedProgress final : public Progress {
public:
    void begin(std::string_view /*what*/, std::uint64_t total_bytes) override { total += total_bytes; }
    void advance(std::uint64_t bytes) override { done += bytes; }
    void end() override {}
    std::uint64_t total = 0;
    std::uint64_t done = 0;
};

/// One generation of twenty libraries, a link and a module.
class VerifyGenerationTest : public testing::Test {
protected:
    Pair install(const std::string& os_key) {
        store_.prepare();
        DriverManifest manifest = small_manifest("900.1.0", os_key);
        Staging staging = store_.make_staging();
        const std::string top = staging.path().substr(1) + "/";
        const auto add = [&](const std::string& path, const std::string& content, LayerRole layer) {
            dir_.write(top + path, content);
            EXPECT_EQ(chmod((dir_.path() + "/" + top + path).c_str(), 0644), 0);
            manifest.files.push_back({path, layer, 0644, content.size(), sha256_hex(content), {}});
        };
        add("lib/modules/6.1.0-1-test/nvidia.ko", std::string(70'000, 'k'), LayerRole::modules);
        for (int i = 10; i < 30; ++i)
            add("lib64/lib" + std::to_string(i) + ".so", "content " + std::to_string(i), LayerRole::user_space);
        dir_.root().make_link(top + "lib64/libcuda.so.1", "lib10.so");
        manifest.files.push_back({"lib64/libcuda.so.1", LayerRole::user_space, 0644, 0, "", "lib10.so"});
        const std::string json = manifest.to_json();
        dir_.write(top + "driver.json", json);
        store_.publish(std::move(staging), {.pair = manifest.pair(),
                                            .kernel_release = manifest.kernel_release,
                                            .manifest_digest = {},
                                            .reference = "test",
                                            .driver_json_digest = Digest::from_hex(sha256_hex(json)),
                                            .installed_at = std::chrono::seconds{1},
                                            .size_bytes = 1,
                                            .layers = {}});
        return manifest.pair();
    }

    /// `<kind> <path>` of each difference.
    std::vector<std::string> differences(Sampling sampling = {}) {
        std::vector<std::string> out;
        for (const Difference& difference : verify_generation(store_, pair_, sampling, progress_))
            out.push_back(std::string{to_string(difference.kind)} + " " + difference.path);
        return out;
    }
    std::string place(const std::string& path) { return "opt/nvidia/" + pair_.path() + "/" + path; }
    std::string host(const std::string& path) { return dir_.path() + "/" + place(path); }

    TemporaryRoot dir_;
    Store store_{dir_.root()};
    CountedProgress progress_;
    Pair pair_ = install("4081.2.1");
};

TEST_F(VerifyGenerationTest, FindsNothingInAWholeOneAndTellsOfEveryByte) {
    EXPECT_THAT(differences(), IsEmpty());
    EXPECT_EQ(progress_.total, 70'000U + 20U * 10U);
    EXPECT_EQ(progress_.done, progress_.total);
}

TEST_F(VerifyGenerationTest, FindsOneBitOfContent) {
    dir_.write(place("lib64/lib17.so"), "content 16");
    EXPECT_THAT(differences(), ElementsAre("digest lib64/lib17.so"));
}

TEST_F(VerifyGenerationTest, NamesEveryKindOfDifferenceAtOnce) {
    dir_.write(place("lib64/lib10.so"), "longer than before");
    fs::remove(host("lib64/lib11.so"));
    ASSERT_EQ(chmod(host("lib64/lib12.so").c_str(), 04755), 0);
    dir_.write(place("lib64/extra.so"), "x");
    dir_.write(place("more/a/b"), "x");
    fs::remove(host("lib64/libcuda.so.1"));
    dir_.root().make_link(place("lib64/libcuda.so.1"), "lib11.so");
    fs::remove(host("lib64/lib13.so"));
    dir_.root().make_link(place("lib64/lib13.so"), "/etc/passwd");
    ASSERT_EQ(chmod(host("lib/modules").c_str(), 0777), 0);
    EXPECT_THAT(differences(),
                ElementsAre("mode lib/modules", "extra lib64/extra.so", "size lib64/lib10.so", "missing lib64/lib11.so",
                            "mode lib64/lib12.so", "type lib64/lib13.so", "target lib64/libcuda.so.1", "extra more"));
}

TEST_F(VerifyGenerationTest, DoesNotFollowALinkInPlaceOfADirectory) {
    fs::rename(host("lib64"), dir_.path() + "/elsewhere");
    dir_.root().make_link(place("lib64"), "/elsewhere");
    const auto found = differences();
    EXPECT_THAT(found, testing::Contains("type lib64"));
    EXPECT_THAT(found, testing::Contains("missing lib64/lib10.so"));
    EXPECT_EQ(found.size(), 22U);
}

TEST_F(VerifyGenerationTest, NamesAForeignOwner) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    ASSERT_EQ(chown(host("lib64/lib10.so").c_str(), 1000, 0), 0);
    ASSERT_EQ(lchown(host("lib64/libcuda.so.1").c_str(), 0, 1000), 0);
    ASSERT_EQ(chown(host("lib64").c_str(), 1000, 1000), 0);
    EXPECT_THAT(differences(), ElementsAre("owner lib64", "owner lib64/lib10.so", "owner lib64/libcuda.so.1"));
}

TEST_F(VerifyGenerationTest, CountsOnNothingWithoutTheDriverJsonThatWasInstalled) {
    dir_.write(place("driver.json"), small_manifest("900.1.0").to_json());
    EXPECT_THAT(differences(), ElementsAre("driver-json driver.json"));
    fs::remove(host("driver.json"));
    EXPECT_THAT(differences(), ElementsAre("driver-json driver.json"));
}

TEST_F(VerifyGenerationTest, CountsOnNothingWithoutItsCommitRecord) {
    const std::string path = store_.commit_path(pair_);
    const std::string whole = dir_.root().read_file(path).value();
    for (const std::string& damaged : {whole.substr(0, whole.size() / 2), std::string{}, std::string(200, '\0')}) {
        dir_.write(path.substr(1), damaged);
        EXPECT_THAT(differences(), ElementsAre("commit-record " + path));
        EXPECT_THAT(expected_generations(store_), ElementsAre(pair_)) << "list does not show it; verify must";
    }
    dir_.root().remove(path);
    EXPECT_THAT(differences(), ElementsAre("commit-record " + path));
    EXPECT_THAT(expected_generations(store_), IsEmpty());
}

TEST_F(VerifyGenerationTest, ExpectsWhatTheRecordAndCurrentCountOn) {
    Record record;
    record.desired = Pair{DriverId::parse("900.7.0"), "os1"};
    record.last_good.emplace("6.1.0-1-test", Pair{DriverId::parse("900.8.0"), "os1"});
    store_.save_record(record);
    store_.point_current(Pair{DriverId::parse("900.9.0"), "os1"});
    std::vector<std::string> names;
    for (const Pair& pair : expected_generations(store_)) names.push_back(pair.path());
    EXPECT_THAT(names, ElementsAre(pair_.path(), "900.7.0/os1", "900.8.0/os1", "900.9.0/os1"));
    dir_.write(store_.record_path().substr(1), "damaged");
    EXPECT_THAT(expected_generations(store_), ElementsAre(pair_));
}

TEST_F(VerifyGenerationTest, ExpectsNothingOfARemovalThatWasCutOff) {
    fs::remove_all(dir_.path() + "/opt/nvidia/900.1.0");
    EXPECT_THAT(expected_generations(store_), IsEmpty());
    Record record;
    record.desired = pair_;
    store_.save_record(record);
    EXPECT_THAT(expected_generations(store_), ElementsAre(pair_)) << "the record counts on it";
    EXPECT_THAT(differences(), ElementsAre("driver-json driver.json"));
}

TEST_F(VerifyGenerationTest, ReadsTheSameSampleForTheSameSeed) {
    const auto read = [&](Sampling sampling) {
        progress_.total = progress_.done = 0;
        const Verified verified = GenerationVerifier{store_, sampling, progress_}.verify(pair_);
        EXPECT_THAT(verified.differences, IsEmpty());
        return std::pair{verified.hashed_files, progress_.done};
    };
    EXPECT_EQ(read({.percent = 0, .seed = 5}).first, 0U);
    EXPECT_EQ(read({.percent = 1, .seed = 5}).first, 1U);
    EXPECT_EQ(read({.percent = 25, .seed = 5}).first, 6U);  // of 21, rounded up
    EXPECT_EQ(read({.percent = 100, .seed = 5}).first, 21U);
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        EXPECT_EQ(read({.percent = 10, .seed = seed}), read({.percent = 10, .seed = seed}));
    }
}

TEST_F(VerifyGenerationTest, FindsADamagedFileInASampleSoonerOrLater) {
    dir_.write(place("lib64/lib17.so"), "content 16");
    int found = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed)
        found += differences({.percent = 20, .seed = seed}).empty() ? 0 : 1;
    EXPECT_GT(found, 20);
    EXPECT_LT(found, 100);
}

TEST_F(VerifyGenerationTest, AlwaysComparesNamesAndSizesWhateverTheSample) {
    fs::remove(host("lib64/lib11.so"));
    dir_.write(place("lib64/lib12.so"), "longer than before");
    for (std::uint64_t seed = 0; seed < 10; ++seed)
        EXPECT_THAT(differences({.percent = 1, .seed = seed}),
                    ElementsAre("missing lib64/lib11.so", "size lib64/lib12.so"));
}

TEST_F(VerifyGenerationTest, ReportsAFileInEveryGenerationThatSharesItButReadsItOnce) {
    const Pair other = install("4081.3.0");
    for (int i = 10; i < 30; ++i) {
        const std::string name = "lib64/lib" + std::to_string(i) + ".so";
        fs::remove(dir_.path() + "/opt/nvidia/" + other.path() + "/" + name);
        fs::create_hard_link(host(name), dir_.path() + "/opt/nvidia/" + other.path() + "/" + name);
    }
    dir_.write(place("lib64/lib17.so"), "content 16");
    GenerationVerifier verifier{store_, {}, progress_};
    const Verified first = verifier.verify(pair_);
    const Verified second = verifier.verify(other);
    ASSERT_EQ(first.differences.size(), 1U);
    EXPECT_EQ(first.differences, second.differences);
    EXPECT_EQ(second.hashed_files, 21U);
    EXPECT_EQ(second.hashed_bytes, 70'000U);
}

}  // namespace
}  // namespace overdrive
