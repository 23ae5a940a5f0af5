#include "verbs/prune.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PruneTest : public testing::Test {
protected:
    PruneTest() {
        for (const char* driver : {"550.1.1", "550.1.2", "550.1.3", "550.1.4"})
            install_small_driver(host_.root_dir.root(), small_manifest(driver));
    }
    static Pair pair(const std::string& driver) { return {DriverId::parse(driver), "4081.2.1"}; }

    ExitCode prune(std::size_t keep, bool dry_run = false) {
        Services services = host_.services();
        return run_prune({.keep = keep, .dry_run = dry_run}, services, report_);
    }
    std::vector<std::string> installed() {
        std::vector<std::string> out;
        for (const GenerationInfo& info : store_.list_generations()) out.push_back(info.pair.driver.text());
        return out;
    }

    FakeHost host_;
    Store store_{host_.root_dir.root()};
    KeptReport report_;
};

TEST_F(PruneTest, RemovesAllButTheNewestAndTellsWhatItFreed) {
    EXPECT_EQ(prune(2), ExitCode::ok);
    EXPECT_THAT(installed(), ElementsAre("550.1.3", "550.1.4"));
    EXPECT_EQ(report_.json["result"], "removed");
    EXPECT_GT(report_.json["freed_bytes"], 0);
    EXPECT_EQ(report_.json["freed_inodes"], 2 * 2);  // <os>/ and driver.json of each
    EXPECT_FALSE(host_.root_dir.root().exists("opt/nvidia/550.1.1"));
    EXPECT_THAT(host_.root_dir.tree("opt/nvidia/.overdrive/staging"), IsEmpty());
    const Record record = store_.load_record().value();
    ASSERT_EQ(record.history.size(), 2U);
    EXPECT_EQ(record.history.back(), (Event{.at = std::chrono::seconds{1'800'000'000},
                                            .verb = "prune",
                                            .pair = pair("550.1.1"),
                                            .outcome = "removed",
                                            .detail = "the newest 2 were kept"}));
}

TEST_F(PruneTest, ChangesNothingWhenRunAgain) {
    prune(2);
    const auto before = host_.root_dir.tree();
    prune(2);
    EXPECT_EQ(report_.json["result"], "nothing-to-do");
    EXPECT_EQ(host_.root_dir.tree(), before);
}

TEST_F(PruneTest, ChangesNothingInADryRunThatNeedsNoRoot) {
    const auto before = host_.root_dir.tree();
    Services services = host_.services();
    services.program.is_root = false;
    EXPECT_EQ(run_prune({.keep = 1, .dry_run = true}, services, report_), ExitCode::ok);
    EXPECT_EQ(host_.root_dir.tree(), before);
    EXPECT_THAT(report_.text, HasSubstr("would remove 550.1.1/4081.2.1: not the newest\n"));
    EXPECT_THAT(report_.text, HasSubstr("would free "));
    EXPECT_EQ(thrown_by([&] { run_prune({.keep = 1}, services, report_); }), Errc::not_root);
}

TEST_F(PruneTest, KeepsWhatCurrentRecordAndMountsCountOn) {
    Record record;
    record.last_good = {{host_.facts.kernel_release, pair("550.1.2")}};
    store_.save_record(record);
    store_.point_current(pair("550.1.1"));
    host_.facts.mounts.push_back({.target = "/usr/lib64",
                                  .type = "overlay",
                                  .source = "overlay",
                                  .options = "ro",
                                  .super_options = "ro,lowerdir=/opt/nvidia/550.1.3/4081.2.1/lib64:/base"});
    prune(1);
    EXPECT_THAT(installed(), ElementsAre("550.1.1", "550.1.2", "550.1.3", "550.1.4"));
}

TEST_F(PruneTest, KeepsWhatARollbackReturnsTo) {
    Record record;
    for (const char* driver : {"550.1.1", "550.1.2", "550.1.4"})
        record.add_event({std::chrono::seconds{1}, "activate", pair(driver), "activated", ""});
    record.add_event({std::chrono::seconds{2}, "install", pair("550.1.3"), "installed", ""});
    store_.save_record(record);
    store_.point_current(pair("550.1.4"));
    prune(1);
    EXPECT_THAT(installed(), ElementsAre("550.1.2", "550.1.4"));
}

TEST_F(PruneTest, LeavesARecordThatNamesOnlyWhatIsThere) {
    Record record;
    record.last_good = {{"kernel-0", pair("550.1.1")}, {"kernel-1", pair("550.1.2")}};
    store_.save_record(record);
    prune(1);
    EXPECT_THAT(installed(), ElementsAre("550.1.2", "550.1.4"));
    EXPECT_EQ(store_.load_record()->last_good, (std::map<std::string, Pair>{{"kernel-1", pair("550.1.2")}}));
}

TEST_F(PruneTest, KeepsTheLastGoodOfAKernelThatIsStillThere) {
    Record record;
    record.last_good = {{"kernel-0", pair("550.1.1")}, {"kernel-1", pair("550.1.2")}};
    store_.save_record(record);
    host_.root_dir.write("usr/lib/modules/kernel-0/modules.dep", "");
    prune(1);
    EXPECT_THAT(installed(), ElementsAre("550.1.1", "550.1.2", "550.1.4"));
}

TEST_F(PruneTest, RefusesWithoutTheRecordThatSaysWhatMustStay) {
    host_.root_dir.write("opt/nvidia/.overdrive/record.json", "{}");
    EXPECT_EQ(thrown_by([&] { prune(1); }), Errc::bad_record);
    EXPECT_EQ(installed().size(), 4U);
}

TEST_F(PruneTest, TakesTheLock) {
    const Lock held = store_.lock("install", std::chrono::seconds{0}, host_.clock);
    EXPECT_EQ(thrown_by([&] { prune(1); }), Errc::busy);
}

TEST_F(PruneTest, NeverOffersAGenerationWhoseRemovalBegan) {
    // As after a power cut in a removal: the commit record is gone, the tree is there.
    host_.root_dir.root().remove(store_.commit_path(pair("550.1.1")));
    EXPECT_THAT(installed(), ElementsAre("550.1.2", "550.1.3", "550.1.4"));
    prune(1, true);
    EXPECT_THAT(report_.text, testing::Not(HasSubstr("550.1.1")));
}

}  // namespace
}  // namespace overdrive
