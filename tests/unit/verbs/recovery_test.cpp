#include "verbs/recovery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/activate.hpp"
#include "verbs/local_state.hpp"
#include "verbs/recover.hpp"
#include "verbs/status.hpp"
#include "verbs/uninstall.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kCommit = "opt/nvidia/.overdrive/generations/550.1.1@4081.2.1.json";

class RecoveryTest : public testing::Test {
protected:
    RecoveryTest() : pair_{install_small_driver(host_.root_dir.root(), small_manifest("550.1.1"))} {}

    Recovery recover() {
        Services services = host_.services();
        Store store{host_.root_dir.root()};
        store.prepare();
        return recover_store(services, store, services.read_facts(), report_);
    }
    void cut_off(const std::vector<std::string>& steps, const std::string& boot_id = "boot-1") {
        JournalHeader header{
            .verb = "install", .program_version = "0.1.0", .boot_id = boot_id, .from = {}, .to = pair_};
        std::string text = journal_line(header);
        for (const std::string& step : steps) text += journal_line(step);
        host_.root_dir.write("opt/nvidia/.overdrive/journal", text);
    }
    ExitCode activate(bool boot = true) {
        Services services = host_.services();
        return run_activate({.overrides = {}, .boot = boot}, services, report_);
    }
    bool exists(const std::string& path) { return host_.root_dir.root().exists(path); }
    std::optional<Record> record() { return Store{host_.root_dir.root()}.load_record(); }

    FakeHost host_;
    KeptReport report_;
    Pair pair_;
};

TEST_F(RecoveryTest, WithNothingCutOffItDoesNothing) {
    const auto before = host_.root_dir.tree();
    EXPECT_THAT(recover().done, IsEmpty());
    EXPECT_EQ(host_.root_dir.tree(), before);
}

TEST_F(RecoveryTest, ATreeWithoutItsCommitRecordGoes) {
    host_.root_dir.root().remove(kCommit);
    cut_off({"fill-staging", "publish-generation"});
    const Recovery recovery = recover();
    EXPECT_THAT(recovery.done, Contains(HasSubstr("removed 550.1.1/4081.2.1")));
    EXPECT_FALSE(exists("opt/nvidia/550.1.1"));
    EXPECT_FALSE(exists("opt/nvidia/.overdrive/journal"));
}

TEST_F(RecoveryTest, AGenerationWhoseCommitRecordWasWrittenStays) {
    cut_off({"fill-staging", "publish-generation"});
    recover();
    EXPECT_TRUE(exists("opt/nvidia/550.1.1/4081.2.1/driver.json"));
}

TEST_F(RecoveryTest, ATreeThatIsNoneOfOursStays) {
    host_.root_dir.write("opt/nvidia/nsight-compute/2026.1/ncu", "x");
    cut_off({"fill-staging", "publish-generation"});
    recover();
    EXPECT_TRUE(exists("opt/nvidia/nsight-compute/2026.1/ncu"));
}

TEST_F(RecoveryTest, WhatDeadRunsLeftBesideOurFilesGoes) {
    for (const char* path : {".record.json.new", ".journal.new", ".exposure.json.new",
                             "generations/.550.1.2@4081.2.1.json.new", "staging/9-0/x"})
        host_.root_dir.write(std::string{"opt/nvidia/.overdrive/"} + path, "half");
    recover();
    EXPECT_FALSE(exists("opt/nvidia/.overdrive/.record.json.new"));
    EXPECT_FALSE(exists("opt/nvidia/.overdrive/.journal.new"));
    EXPECT_FALSE(exists("opt/nvidia/.overdrive/.exposure.json.new"));
    EXPECT_THAT(host_.root_dir.root().list("opt/nvidia/.overdrive/staging"), IsEmpty());
    EXPECT_THAT(host_.root_dir.root().list("opt/nvidia/.overdrive/generations"), testing::SizeIs(1));
}

TEST_F(RecoveryTest, StagingThatALivingProcessHoldsStays) {
    Store store{host_.root_dir.root()};
    Staging staging = store.make_staging();
    staging.release();
    recover();
    EXPECT_TRUE(exists(staging.path()));
}

TEST_F(RecoveryTest, IsTheSameAtAnyLineOfTheJournal) {
    const std::vector<std::string> steps{"stop-daemons", "unload-modules", "load-modules",  "point-current",
                                         "expose",       "make-nodes",     "verify-driver", "start-daemons"};
    for (std::size_t count = 0; count <= steps.size(); ++count) {
        cut_off({steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(count)});
        Services services = host_.services();
        EXPECT_EQ(run_recover(services, report_), ExitCode::ok) << count;
        EXPECT_EQ(host_.facts.driver_version, "550.1.1") << count;
        EXPECT_FALSE(exists("opt/nvidia/.overdrive/journal")) << count;
        EXPECT_EQ(record()->history.back().verb == "recover" || record()->history.back().outcome == "activated", true);
    }
}

TEST_F(RecoveryTest, DaemonsThatARunHadStoppedAreStartedAgain) {
    activate();
    cut_off({"stop-daemons", "unload-modules"});
    host_.exposure.in_force.reset();  // something is left to do
    Services services = host_.services();
    run_recover(services, report_);
    EXPECT_THAT(host_.timeline, Contains(HasSubstr("start nvidia-persistenced.service")));
}

TEST_F(RecoveryTest, AllThatARunHadStoppedIsStartedAgainAlsoWhereNothingElseIsLeftToDo) {
    activate();
    cut_off({"stop-daemons", "unload-modules", "load-modules", "verify-driver"});
    host_.root_dir.write("run/overdrive/stopped-daemons", "nvidia-dcgm.service\nnvidia-persistenced.service\n");
    host_.timeline.clear();
    Services services = host_.services();
    run_recover(services, report_);
    EXPECT_THAT(host_.timeline, testing::ElementsAre("start nvidia-persistenced.service", "start nvidia-dcgm.service"));
    EXPECT_FALSE(exists("run/overdrive/stopped-daemons"));
}

TEST_F(RecoveryTest, ADriverThatBootsDoNotSurviveIsNotTriedForEver) {
    for (std::uint64_t boot = 1; boot <= kMostInterrupted; ++boot) {
        cut_off({"load-modules"}, "boot-" + std::to_string(boot));
        host_.facts.boot_id = "boot-" + std::to_string(boot + 1);
        recover();
        EXPECT_EQ(record()->attempt(pair_)->interrupted, boot);
    }
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, std::nullopt);
    EXPECT_THAT(report_.text, HasSubstr("3 boots in a row"));

    Services services = host_.services();
    ActivateOptions again;
    again.overrides.driver = "550.1.1";
    EXPECT_EQ(run_activate(again, services, report_), ExitCode::ok) << "the operator can try it again";
    EXPECT_EQ(record()->attempt(pair_), nullptr);
}

TEST_F(RecoveryTest, OnePowerCutWhileLoadingCostsNothing) {
    cut_off({"load-modules"}, "boot-0");
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, "550.1.1");
}

TEST_F(RecoveryTest, ADamagedRecordIsSetAsideAndTheGenerationsSpeakForThemselves) {
    for (const std::string& damaged : {std::string{}, std::string(512, '\0'), std::string{"{\"schema\": 1"}}) {
        host_.root_dir.write("opt/nvidia/.overdrive/record.json", damaged);
        EXPECT_EQ(activate(), ExitCode::ok);
        EXPECT_EQ(host_.facts.driver_version, "550.1.1");
        EXPECT_EQ(host_.root_dir.root().read_file("opt/nvidia/.overdrive/record.json.damaged"), damaged);
        EXPECT_EQ(record()->last_good.at("6.1.0-1-test"), pair_);
    }
}

TEST_F(RecoveryTest, ADamagedCommitRecordIsWrittenAnewFromAWholeTree) {
    host_.root_dir.write(kCommit, "{");
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, "550.1.1");
}

TEST_F(RecoveryTest, ADamagedCommitRecordOfADamagedTreeIsNot) {
    host_.root_dir.write(kCommit, "{");
    host_.root_dir.write("opt/nvidia/550.1.1/4081.2.1/extra", "x");
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, std::nullopt);
}

TEST_F(RecoveryTest, AJournalOfANewerProgramStopsAPersonButNotABoot) {
    const std::string newer = R"({"schema":9,"min_reader":9})";
    host_.root_dir.write("opt/nvidia/.overdrive/journal", sha256_hex(newer).substr(0, 16) + " " + newer + "\n");
    EXPECT_EQ(thrown_by([&] { activate(false); }), Errc::bad_record);
    EXPECT_TRUE(exists("opt/nvidia/.overdrive/journal"));
    EXPECT_EQ(activate(true), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, "550.1.1");
}

TEST_F(RecoveryTest, CurrentThatLeadsNowhereIsPointedAnew) {
    for (const char* target : {"nowhere", "../../etc", "/abs/olute", "560.9.9/4081.2.1"}) {
        host_.root_dir.root().replace_link("opt/nvidia/current", target);
        EXPECT_EQ(activate(), ExitCode::ok) << target;
        EXPECT_EQ(host_.root_dir.root().read_link("opt/nvidia/current"), pair_.path()) << target;
    }
}

TEST_F(RecoveryTest, CurrentThatIsADirectoryIsRefusedByName) {
    host_.root_dir.write("opt/nvidia/current/file", "somebody's");
    try {
        activate(false);
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("/opt/nvidia/current"));
    }
    EXPECT_TRUE(exists("opt/nvidia/current/file"));
}

TEST_F(RecoveryTest, UninstallLeavesTheHostAsItWasBeforeTheFirstInstall) {
    FakeHost host;
    const auto before = host.root_dir.tree();
    install_small_driver(host.root_dir.root(), small_manifest("550.1.1"));
    Services services = host.services();
    KeptReport report;
    run_activate({}, services, report);
    EXPECT_EQ(run_uninstall({}, services, report), ExitCode::ok);
    auto after = host.root_dir.tree();
    for (const char* directory : {"opt", "run"}) after.erase(directory);  // the host's own, made by nobody's install
    after["sys/module/firmware_class/parameters/path"] = "";              // a NUL, as the kernel takes it
    EXPECT_EQ(after, before);
    EXPECT_EQ(host.facts.driver_version, std::nullopt);
    EXPECT_EQ(host.exposure.in_force, std::nullopt);
    EXPECT_EQ(run_uninstall({}, services, report), ExitCode::ok) << "twice";
}

}  // namespace
}  // namespace overdrive
