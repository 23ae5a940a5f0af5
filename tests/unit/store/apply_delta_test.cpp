#include "store/apply_delta.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/fetch.hpp"
#include "support/temporary_root.hpp"
#include "unit/archive/delta_maker.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kCuda = "lib64/libcuda.so.900.1.0";
constexpr const char* kFirmware = "lib/firmware/nvidia/900.1.0/gsp_tu10x.bin";

/// One sample is installed; another one is to be fetched, by a delta.
class ApplyDeltaTest : public testing::Test {
protected:
    ApplyDeltaTest() {
        store_.prepare();
        next_.user_space[kCuda].replace(400'000, 10, "0123456789");
        next_.user_space["lib64/libnew.so.900.1.0"] = "was not there before";
        next_.user_space["lib64/renamed.bin"] = old_.user_space.at(kFirmware);
        next_.user_space.erase("lib64/libnvidia-ml.so.900.1.0");
        old_.put_into(source_);
        Staging staging = store_.make_staging();
        const FetchResult fetched = fetch_artifact(source_, *source_.artifact, staging, store_, progress_, {});
        store_.publish(std::move(staging),
                       describe_generation(fetched, &*source_.artifact, "test", std::chrono::seconds{1}));
        source_.asked.clear();
        next_.put_into(source_);
    }

    OfferedDelta offer(const DeltaMaker& delta) {
        const LayerDescriptor blob = source_.add(delta.bytes(), LayerRole::user_space, kDeltaType);
        return {.from = delta.table.from,
                .to = delta.table.to,
                .from_version = "900.1.0",
                .to_version = "900.1.0",
                .manifest = blob.digest,
                .blob = blob.digest,
                .download_bytes = blob.size};
    }
    FetchResult fetch(const Staging& staging, const std::vector<OfferedDelta>& offered) {
        return fetch_artifact(source_, *source_.artifact, staging, store_, progress_, {}, offered);
    }
    /// @return what the tree has beside the modules, by path
    std::map<std::string, std::string> user_space(const Staging& staging) {
        std::map<std::string, std::string> files;
        for (const FileSpec& file : next_.manifest().files)
            if (file.layer == LayerRole::user_space && !file.is_link())
                files[file.path] = dir_.root().read_file(staging.path() + "/" + file.path).value_or("missing");
        return files;
    }
    void expect_whole_layer(const std::vector<OfferedDelta>& offered, const std::string& words) {
        const Staging staging = store_.make_staging();
        const FetchResult fetched = fetch(staging, offered);
        EXPECT_FALSE(fetched.delta);
        EXPECT_THAT(fetched.delta_failed, HasSubstr(words));
        EXPECT_EQ(user_space(staging), next_.user_space);
        EXPECT_EQ(fetched.bytes_downloaded, next_.modules_layer().size() + next_.user_space_layer().size());
    }

    TemporaryRoot dir_;
    Store store_{dir_.root()};
    SampleArtifact old_;
    SampleArtifact next_{"6.1.0-2-test", "4081.3.0"};
    FakeSource source_;
    FakeProgress progress_;
};

TEST_F(ApplyDeltaTest, MakesUserSpaceOfTheInstalledOneAndTheDelta) {
    const OfferedDelta delta = offer(DeltaMaker{old_, next_});
    const Staging staging = store_.make_staging();
    const FetchResult fetched = fetch(staging, {delta});
    EXPECT_EQ(fetched.delta, delta) << fetched.delta_failed;
    EXPECT_EQ(fetched.bytes_downloaded, next_.modules_layer().size() + delta.download_bytes);
    EXPECT_EQ(user_space(staging), next_.user_space);
    EXPECT_THAT(source_.asked, ElementsAre(LayerRole::modules, LayerRole::user_space));
    EXPECT_EQ(dir_.root().read_link(staging.path() + "/lib64/libcuda.so"), "libcuda.so.1");
}

TEST_F(ApplyDeltaTest, IsOfNoUseWithoutAGenerationThatItStartsFrom) {
    OfferedDelta delta = offer(DeltaMaker{old_, next_});
    delta.from = delta.manifest;
    const Staging staging = store_.make_staging();
    const FetchResult fetched = fetch(staging, {delta});
    EXPECT_FALSE(fetched.delta);
    EXPECT_THAT(fetched.delta_failed, IsEmpty());
}

TEST_F(ApplyDeltaTest, TheSmallestIsTakenAndNoneThatIsLargerThanTheLayer) {
    OfferedDelta larger = offer(DeltaMaker{old_, next_});
    OfferedDelta smaller = larger;
    smaller.download_bytes -= 1;
    const LayerDescriptor layer = source_.artifact->layers.at(1);
    const std::vector<OfferedDelta> offered{larger, smaller};
    EXPECT_EQ(find_usable_delta(offered, layer, store_)->delta, smaller);
    larger.download_bytes = layer.size;
    EXPECT_FALSE(find_usable_delta(std::vector<OfferedDelta>{larger}, layer, store_));
}

TEST_F(ApplyDeltaTest, ADeltaThatMakesAWrongFileEndsInTheWholeLayer) {
    SampleArtifact wrong = next_;
    wrong.user_space[kCuda][7] ^= 1;
    DeltaMaker delta{old_, wrong};
    delta.table.to = DeltaMaker{old_, next_}.table.to;
    expect_whole_layer({offer(delta)}, "the delta makes a 'lib64/libcuda.so.900.1.0' that hashes to");
}

TEST_F(ApplyDeltaTest, ADamagedInstalledFileEndsInTheWholeLayer) {
    std::string damaged = old_.user_space.at(kCuda);
    damaged[100'000] ^= 1;
    dir_.write("opt/nvidia/900.1.0/4081.2.1/" + std::string{kCuda}, damaged);
    expect_whole_layer({offer(DeltaMaker{old_, next_})}, "that hashes to");
}

TEST_F(ApplyDeltaTest, ADamagedFileThatIsTheSameEndsInTheWholeLayer) {
    dir_.write("opt/nvidia/900.1.0/4081.2.1/" + std::string{kFirmware}, std::string(200'000, 'x'));
    expect_whole_layer({offer(DeltaMaker{old_, next_})}, "gsp_tu10x.bin' is damaged");
}

TEST_F(ApplyDeltaTest, ADamagedFileIsToldByItsInstalledName) {
    next_.user_space[kFirmware].replace(0, 10, "0123456789");  // old only as renamed.bin, which is not installed
    next_.put_into(source_);
    dir_.write("opt/nvidia/900.1.0/4081.2.1/" + std::string{kFirmware}, std::string(200'000, 'x'));
    expect_whole_layer({offer(DeltaMaker{old_, next_})}, "gsp_tu10x.bin' is damaged");
}

TEST_F(ApplyDeltaTest, AMissingInstalledFileEndsInTheWholeLayer) {
    dir_.root().remove("opt/nvidia/900.1.0/4081.2.1/" + std::string{kCuda});
    expect_whole_layer({offer(DeltaMaker{old_, next_})}, "the installed driver: open 'lib64/libcuda.so.900.1.0'");
}

TEST_F(ApplyDeltaTest, ADeltaThatLeavesOutAFileEndsInTheWholeLayer) {
    DeltaMaker delta{old_, next_};
    delta.table.files.pop_back();
    delta.frames.pop_back();
    expect_whole_layer({offer(delta)}, "neither the delta nor the installed 900.1.0/4081.2.1 has");
}

TEST_F(ApplyDeltaTest, ADeltaThatMakesAFileOfTheModulesEndsInTheWholeLayer) {
    DeltaMaker delta{old_, next_};
    delta.table.files.insert(delta.table.files.begin(), {.path = "lib/modules/6.1.0-2-test/nvidia.ko"});
    expect_whole_layer({offer(delta)}, "which driver.json does not list so");
}

TEST_F(ApplyDeltaTest, ADeltaOfOtherLayersThanTheIndexSaysEndsInTheWholeLayer) {
    OfferedDelta said = offer(DeltaMaker{old_, next_});
    DeltaMaker other{old_, next_};
    other.table.from = said.manifest;
    const OfferedDelta given = offer(other);
    said.blob = given.blob;
    said.download_bytes = given.download_bytes;
    expect_whole_layer({said}, "not as the pair index says");
}

TEST_F(ApplyDeltaTest, ADeltaThatIsNotThereEndsInTheWholeLayer) {
    OfferedDelta delta = offer(DeltaMaker{old_, next_});
    delta.download_bytes -= 1;
    expect_whole_layer({delta}, delta.blob.text());
}

}  // namespace
}  // namespace overdrive
