#include "verbs/repair.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/activate.hpp"
#include "verbs/deactivate.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A host on which 550.1.1 is in force.
class RepairTest : public testing::Test {
protected:
    RepairTest() {
        install_small_driver(host_.root_dir.root(), small_manifest("550.1.1"));
        Services services = host_.services();
        run_activate({}, services, report_);
        host_.timeline.clear();
    }
    std::string repair() {
        Services services = host_.services();
        EXPECT_EQ(run_repair(services, report_), ExitCode::ok);
        return report_.json["result"];
    }

    FakeHost host_;
    KeptReport report_;
};

TEST_F(RepairTest, DoesNothingWhereNothingIsMissing) {
    EXPECT_EQ(repair(), "nothing-to-do");
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(RepairTest, AsksNvidiaSmiOnceWhereTheBootDidNotWaitForIt) {
    const auto asked = [&] { return host_.processes.ran.size(); };
    EXPECT_EQ(asked(), 1U) << "by hand it is asked at once";
    repair();
    EXPECT_EQ(asked(), 1U);
    FakeHost booting;
    install_small_driver(booting.root_dir.root(), small_manifest("550.1.1"));
    Services services = booting.services();
    run_activate({.overrides = {}, .boot = true}, services, report_);
    EXPECT_THAT(booting.processes.ran, IsEmpty());
    booting.processes.answer = {.exit_code = 9, .timed_out = false, .output = "No devices were found\n"};
    run_repair(services, report_);
    EXPECT_THAT(booting.processes.ran, ElementsAre("/opt/nvidia/550.1.1/4081.2.1/bin/nvidia-smi"));
    EXPECT_THAT(report_.warnings, testing::Contains("nvidia-smi ended with 9: No devices were found"));
    run_repair(services, report_);
    EXPECT_EQ(booting.processes.ran.size(), 1U);
}

TEST_F(RepairTest, WhereNvidiaSmiHasToWorkTheBootWaitsForIt) {
    FakeHost booting;
    booting.root_dir.write("etc/overdrive/config.toml", "driver = \"550.1.1\"\nnvidia-smi = \"require\"\n");
    install_small_driver(booting.root_dir.root(), small_manifest("550.1.1"));
    Services services = booting.services();
    run_activate({.overrides = {}, .boot = true}, services, report_);
    EXPECT_EQ(booting.processes.ran.size(), 1U);
}

TEST_F(RepairTest, LaysTheLibrariesOverWhatNowLiesBelowThem) {
    host_.exposure.in_force = "another base";
    EXPECT_EQ(repair(), "repaired");
    EXPECT_THAT(report_.json["changed"], ElementsAre("expose libraries and programs"));
    EXPECT_EQ(host_.exposure.in_force, "/opt/nvidia/550.1.1/4081.2.1");
}

TEST_F(RepairTest, LoadsAModuleThatSomebodyUnloadedAndMakesNodesAgain) {
    host_.modules.unload("nvidia-uvm");
    host_.nodes.there.clear();
    EXPECT_EQ(repair(), "repaired");
    EXPECT_NE(host_.loaded("nvidia-uvm"), nullptr);
    EXPECT_FALSE(host_.nodes.there.empty());
}

TEST_F(RepairTest, StartsAndStopsNoUnit) {
    host_.exposure.in_force.reset();
    repair();
    for (const std::string& line : host_.timeline) {
        EXPECT_FALSE(line.starts_with("start ") || line.starts_with("stop ") || line.starts_with("queue ")) << line;
    }
}

TEST_F(RepairTest, LeavesADriverAloneThatWasTakenOutOfForce) {
    Services services = host_.services();
    run_deactivate({.boot = true}, services, report_);  // nvidia.service stops, as it does at shutdown
    host_.timeline.clear();
    EXPECT_EQ(repair(), "nothing-in-force");
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(RepairTest, ThereIsNothingToRepairBeforeTheFirstActivationOfABoot) {
    host_.facts.boot_id = "boot-2";
    host_.exposure.in_force.reset();
    EXPECT_EQ(repair(), "nothing-in-force");
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(RepairTest, ChoosesNoOtherDriver) {
    install_small_driver(host_.root_dir.root(), small_manifest("550.1.9"));
    host_.exposure.in_force.reset();
    EXPECT_EQ(repair(), "repaired");
    EXPECT_EQ(report_.json["generation"], "550.1.1/4081.2.1");
}

TEST_F(RepairTest, LeavesALoadedDriverOfAnotherVersionToTheNextActivation) {
    host_.facts.driver_version = "535.1.1";
    host_.exposure.in_force.reset();
    EXPECT_EQ(repair(), "left-alone");
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(RepairTest, AFailureSaysWhatItIsAndIsRepairedTheNextTime) {
    host_.exposure.in_force.reset();
    host_.failure.fail_at = host_.failure.done + 1;
    Services services = host_.services();
    EXPECT_EQ(thrown_by([&] { run_repair(services, report_); }), Errc::io);
    EXPECT_EQ(repair(), "repaired");
}

}  // namespace
}  // namespace overdrive
