#include "verbs/stage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "support/pending_update.hpp"
#include "verbs/pending_driver.hpp"
#include "verbs/prune.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class StageTest : public testing::Test, protected HostWithPendingUpdate {
protected:
    ExitCode stage(const StageOptions& options = {}) {
        Services with_os = services();
        artifacts.asked.clear();
        return run_stage(options, with_os, report);
    }
    Record record() { return store.load_record().value(); }
};

TEST_F(StageTest, FetchesTheSameDriverForThePendingOsAndLeavesTheRestAsItIs) {
    EXPECT_EQ(stage(), ExitCode::ok);
    EXPECT_THAT(artifacts.asked, ElementsAre("4081.3.0-900.1.0"));
    EXPECT_EQ(report.json["result"], "staged");
    EXPECT_EQ(report.json["generation"], next.path());
    EXPECT_EQ(store.find_generation(next)->kernel_release, kNextKernel);
    EXPECT_EQ(record().staged, (Staged{.pair = next, .os = "4081.3.0 (update_engine)"}));
    EXPECT_EQ(record().desired, running);
    EXPECT_EQ(record().pending, std::nullopt);
    EXPECT_EQ(store.read_current(), running);
    EXPECT_THAT(host.timeline, IsEmpty()) << "nothing is loaded, exposed or started";
    EXPECT_EQ(record().history.back().outcome, "staged");
}

TEST_F(StageTest, WhatTheKernelGuardsIsNotReadAgainForTheReleaseAfterThat) {
    stage();
    EXPECT_EQ(report.json["guarded_files"], 3);
    EXPECT_EQ(report.json["vouched_bytes"], 0);
    sample.os_key = "4081.4.0";
    sample.put_into(artifacts.blobs);
    artifacts.tags = {"4081.4.0-900.1.0"};
    stage({.os = "4081.4.0"});
    EXPECT_EQ(report.json["result"], "staged");
    EXPECT_EQ(report.json["vouched_bytes"], 1'770'000);
    EXPECT_LT(report.json["rehashed_bytes"], 100);
    EXPECT_EQ(report.json["guarded_files"], 0) << "the same files are guarded already";
}

TEST_F(StageTest, WithoutFsVerityItIsStagedAllTheSameAndNobodyIsTold) {
    host.guard.answer = ContentGuard::Outcome::not_available;
    EXPECT_EQ(stage(), ExitCode::ok);
    EXPECT_EQ(report.json["result"], "staged");
    EXPECT_EQ(report.json["guarded_files"], 0);
    EXPECT_THAT(report.warnings, IsEmpty());
}

TEST_F(StageTest, RunAgainAsksNobodyAndChangesNothing) {
    stage();
    const auto before = host.root_dir.tree();
    EXPECT_EQ(stage(), ExitCode::ok);
    EXPECT_EQ(report.json["result"], "nothing-to-do");
    EXPECT_THAT(artifacts.asked, IsEmpty());
    EXPECT_EQ(host.root_dir.tree(), before);
}

TEST_F(StageTest, ADriverThatIsInstalledForThePendingOsIsNoted) {
    install_next();
    EXPECT_EQ(stage(), ExitCode::ok);
    EXPECT_THAT(artifacts.asked, IsEmpty());
    EXPECT_EQ(record().staged->pair, next);
}

TEST_F(StageTest, ADryRunNeedsNoRootAndChangesNothing) {
    const auto before = host.root_dir.tree();
    Services services_ = services();
    services_.program.is_root = false;
    EXPECT_EQ(run_stage({.dry_run = true}, services_, report), ExitCode::ok);
    EXPECT_EQ(report.json["result"], "dry-run");
    EXPECT_EQ(host.root_dir.tree(), before);
    EXPECT_EQ(thrown_by([&] { run_stage({}, services_, report); }), Errc::not_root);
}

TEST_F(StageTest, TheOsKeyMayBeNamedWhereNobodyKnowsIt) {
    pending = [] { return std::nullopt; };
    EXPECT_EQ(stage(), ExitCode::ok);
    EXPECT_EQ(report.json["result"], "nothing-to-do");
    EXPECT_EQ(stage({.os = "4081.3.0", .kernel = kNextKernel}), ExitCode::ok);
    EXPECT_TRUE(store.find_generation(next));
    EXPECT_EQ(thrown_by([&] { stage({.os = "../4081"}); }), Errc::usage);
}

TEST_F(StageTest, AnArtifactForAnotherKernelThanThePendingOneIsRefused) {
    pending = [] {
        PendingOs os = next_release();
        os.kernel_release = "6.1.0-3-test";
        return std::optional{os};
    };
    EXPECT_EQ(thrown_by([&] { stage(); }), Errc::incomplete_artifact);
    EXPECT_FALSE(store.find_generation(next));
    EXPECT_EQ(record().staged, std::nullopt);
    EXPECT_THAT(read_staging_failure(host.root_dir.root())->message, HasSubstr("6.1.0-3-test"));
}

TEST_F(StageTest, ABranchMovesOnlyWhereTheSameDriverIsNotThere) {
    configure("driver = \"900\"\n");
    artifacts.tags.insert("4081.3.0-900.9.9");
    EXPECT_EQ(stage({.dry_run = true}), ExitCode::ok);
    EXPECT_EQ(report.json["generation"], "900.1.0/4081.3.0");
    artifacts.tags.erase("4081.3.0-900.1.0");
    EXPECT_EQ(stage({.dry_run = true}), ExitCode::ok);
    EXPECT_EQ(report.json["generation"], "900.9.9/4081.3.0");
    configure("driver = \"900\"\nhold = true\n");
    EXPECT_EQ(thrown_by([&] { stage({.dry_run = true}); }), Errc::no_artifact);
}

TEST_F(StageTest, WithoutADriverForThePendingOsTheNearestAreNamedAndTheFailureIsKept) {
    artifacts.tags = {"4081.3.0-900.2.0"};
    EXPECT_EQ(thrown_by([&] { stage(); }), Errc::no_artifact);
    const auto failure = read_staging_failure(host.root_dir.root());
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->reason, "no-artifact");
    EXPECT_THAT(failure->message, HasSubstr("the nearest are 900.2.0/4081.3.0"));
    EXPECT_THAT(failure->message, Not(HasSubstr("kernel )"))) << "update_engine does not tell the kernel";
    artifacts.tags.insert("4081.3.0-900.1.0");
    stage();
    EXPECT_EQ(read_staging_failure(host.root_dir.root()), std::nullopt) << "it is forgotten";
}

TEST_F(StageTest, AnOsWhoseKeyCannotBeToldIsAFailureThatSaysWhatToDo) {
    pending = [] { return std::optional{forgotten_release()}; };
    EXPECT_EQ(thrown_by([&] { stage(); }), Errc::bad_os_release);
}

TEST_F(StageTest, TheUnitObeysTheConfigurationAndANodeWithoutGpu) {
    configure("driver = \"900.1.0\"\n", "[stage]\nauto = false\n");
    EXPECT_EQ(stage({.unit = true}), ExitCode::ok);
    EXPECT_THAT(report.text, HasSubstr("auto = false"));
    EXPECT_EQ(stage(), ExitCode::ok);
    EXPECT_EQ(report.json["result"], "staged") << "a person may all the same";
    host.root_dir.write("etc/overdrive/config.toml", "driver = \"900.1.0\"\n");
    EXPECT_EQ(stage({.unit = true}), ExitCode::ok);
    EXPECT_THAT(report.text, HasSubstr("no source"));
    EXPECT_THAT(host.timeline, IsEmpty()) << "no reboot is held for what nothing can bring";
    configure("driver = \"900.1.0\"\n");
    host.facts.gpus.clear();
    EXPECT_EQ(stage({.unit = true}), ExitCode::ok);
    EXPECT_THAT(report.text, HasSubstr("no GPU"));
}

TEST_F(StageTest, TheUnitHoldsRebootsBeforeItFetches) {
    artifacts.while_fetching = [&] { EXPECT_THAT(host.timeline, ElementsAre("queue start nvidia-gate.service")); };
    EXPECT_EQ(stage({.unit = true}), ExitCode::ok);
    EXPECT_THAT(host.timeline, ElementsAre("queue start nvidia-gate.service"));
    host.timeline.clear();
    EXPECT_EQ(stage({.unit = true}), ExitCode::ok);
    EXPECT_THAT(host.timeline, IsEmpty()) << "the driver is there";
    store.remove_generation(next);
    artifacts.while_fetching = [] {};
    configure("driver = \"900.1.0\"\n", "[gate]\nhold = false\n");
    EXPECT_EQ(stage({.unit = true}), ExitCode::ok);
    EXPECT_THAT(host.timeline, IsEmpty());
}

TEST_F(StageTest, TheUnitStagesWhatBecomesPendingMeanwhile) {
    int asked = 0;
    pending = [&asked] {
        PendingOs os = next_release();
        if (++asked > 1) os.version = os.os_key = "4081.4.0";
        return std::optional{os};
    };
    EXPECT_EQ(thrown_by([&] { stage({.unit = true}); }), Errc::no_artifact);
    EXPECT_TRUE(store.find_generation(next));
    EXPECT_THAT(artifacts.asked, Contains("4081.4.0-900.1.0"));
}

TEST_F(StageTest, TheUnitStaysUntilAPackageManagerIsThroughWithTheBootDirectory) {
    int asked = 0;
    pending = [&asked] { return ++asked > 1 ? std::optional{next_release()} : std::nullopt; };
    EXPECT_EQ(stage({.unit = true, .settle = true}), ExitCode::ok);
    EXPECT_EQ(report.json["result"], "staged") << "what was there ten seconds after the first look";
    EXPECT_TRUE(store.find_generation(next));
    EXPECT_EQ(asked, 3) << "and the third look agrees with the second";
}

TEST_F(StageTest, TheWatchStartsTheUnitOnceForEveryPendingOs) {
    std::vector<std::optional<std::string>> told{std::nullopt, "4081.3.0", "4081.3.0", "4081.4.0"};
    std::size_t at = 0;
    pending = [&]() -> std::optional<PendingOs> {
        if (!told.at(at)) return std::nullopt;
        PendingOs os = next_release();
        os.version = os.os_key = *told[at];
        return os;
    };
    Services services_ = services();
    bool listens = false;
    services_.await_os_signal = [&](std::chrono::milliseconds most) {
        if (!std::exchange(listens, true)) return;  // subscribes before anybody is asked
        EXPECT_GT(most.count(), 0);
        if (++at == told.size()) throw std::runtime_error{"the bus ended"};
    };
    EXPECT_THROW(run_stage({.watch = true}, services_, report), std::runtime_error);
    EXPECT_THAT(host.timeline, ElementsAre("queue start nvidia-stage.service", "queue start nvidia-stage.service"));
}

TEST_F(StageTest, PruneKeepsWhatIsStagedUntilItsOsIsNotPendingAnyMore) {
    install_next();
    stage();
    for (const char* driver : {"550.1.1", "550.1.2"})
        install_small_driver(host.root_dir.root(), small_manifest(driver));
    Services services_ = services();
    EXPECT_EQ(run_prune({.keep = 1, .dry_run = true}, services_, report), ExitCode::ok);
    EXPECT_THAT(report.text, HasSubstr("keeps 900.1.0/4081.3.0: staged for 4081.3.0 (update_engine)\n"));

    services_.find_pending_os = []() -> std::optional<PendingOs> { throw Error{Errc::service_manager, "no bus"}; };
    EXPECT_EQ(run_prune({.keep = 1, .dry_run = true}, services_, report), ExitCode::ok);
    EXPECT_THAT(report.text, HasSubstr("keeps 900.1.0/4081.3.0"));

    services_.find_pending_os = [] { return std::nullopt; };
    install_small_driver(host.root_dir.root(), small_manifest("900.9.9"));
    EXPECT_EQ(run_prune({.keep = 1}, services_, report), ExitCode::ok);
    const std::string why = "staged for 4081.3.0 (update_engine), which is not pending any more";
    EXPECT_THAT(report.text, HasSubstr("removed 900.1.0/4081.3.0: " + why + "\n"));
    EXPECT_FALSE(store.find_generation(next));
    EXPECT_EQ(record().staged, std::nullopt);
    const auto& history = record().history;
    EXPECT_TRUE(std::any_of(history.begin(), history.end(), [&](const Event& event) { return event.detail == why; }));
}

TEST_F(StageTest, AfterTheRebootTheStagedDriverIsTheOneThatFitsAndPruneKeepsIt) {
    stage();
    host.facts.kernel_release = kNextKernel;
    host.facts.os_release = OsRelease::parse("ID=coreos\nVERSION_ID=4081.3.0\n");
    pending = [] { return std::nullopt; };
    std::vector<std::string> warnings;
    Services services_ = services();
    const LocalState local = read_local_state(services_, store, Config{}, warnings);
    EXPECT_EQ(local.selection.why, Selection::Why::wanted);
    EXPECT_EQ(local.selection.pair, next);
    EXPECT_EQ(run_prune({.keep = 1, .dry_run = true}, services_, report), ExitCode::ok);
    EXPECT_THAT(report.text, HasSubstr("keeps 900.1.0/4081.3.0"));
}

}  // namespace
}  // namespace overdrive
