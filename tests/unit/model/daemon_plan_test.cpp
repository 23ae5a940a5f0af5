#include "model/daemon_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "support/installed_driver.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<GpuFunction> kGpu{{"0000:1b:00.0", 0x2330, "nvidia"}};

/// A driver that brings every daemon, all of its own version but NVLSM.
DriverManifest full_driver() {
    DriverManifest manifest = small_manifest("570.86.15-open");
    for (const KnownDaemon& daemon : kKnownDaemons)
        manifest.daemons.push_back({std::string{daemon.name}, std::string{daemon.program}, "570.86.15", ""});
    manifest.daemons[1].version = "2025.06.1";
    return manifest;
}

DaemonSpec& spec(DriverManifest& manifest, const std::string& name) {
    for (DaemonSpec& daemon : manifest.daemons) {
        if (daemon.name == name) return daemon;
    }
    throw std::logic_error{name};
}

FabricFacts nvlink4() {
    FabricFacts facts;
    facts.switches = {"0000:05:00.0", "0000:06:00.0"};
    return facts;
}
FabricFacts nvlink5() {
    FabricFacts facts;
    facts.switch_managers = {{"0000:05:00.1", "0xe09d7303003f3bf9", true}};
    return facts;
}

TEST(DaemonPlanTest, APersistenceDaemonAloneWhereTheHardwareAsksForNoMore) {
    const DaemonPlan plan = plan_daemons(full_driver(), kGpu, {});
    EXPECT_THAT(plan.units(), ElementsAre("nvidia-persistenced.service"));
    EXPECT_THAT(plan.problems, IsEmpty());
}

TEST(DaemonPlanTest, NothingWithoutAGpu) { EXPECT_THAT(plan_daemons(full_driver(), {}, nvlink4()).units(), IsEmpty()); }

TEST(DaemonPlanTest, NvSwitchesAskForTheFabricManager) {
    const DaemonPlan plan = plan_daemons(full_driver(), kGpu, nvlink4());
    EXPECT_THAT(plan.units(), ElementsAre("nvidia-persistenced.service", "nvidia-fabricmanager.service"));
    EXPECT_EQ(plan.daemons.back().environment.at("FABRIC_ARGUMENTS"), "");
}

TEST(DaemonPlanTest, NvLink5AsksForTheSubnetManagerFirstAndGivesBothThePort) {
    const DaemonPlan plan = plan_daemons(full_driver(), kGpu, nvlink5());
    EXPECT_THAT(plan.units(),
                ElementsAre("nvidia-persistenced.service", "nvidia-nvlsm.service", "nvidia-fabricmanager.service"));
    EXPECT_EQ(plan.daemons[1].environment.at("FABRIC_PORT"), "0xe09d7303003f3bf9");
    EXPECT_EQ(plan.daemons[2].environment.at("FABRIC_ARGUMENTS"), "-g 0xe09d7303003f3bf9");
}

TEST(DaemonPlanTest, AFabricManagerOfAnotherVersionIsRefusedByBothVersions) {
    DriverManifest manifest = full_driver();
    spec(manifest, "nvidia-fabricmanager").version = "570.124.6";
    for (const FabricFacts& fabric : {nvlink4(), nvlink5()}) {
        const DaemonPlan plan = plan_daemons(manifest, kGpu, fabric);
        EXPECT_THAT(plan.units(), ElementsAre("nvidia-persistenced.service"));
        ASSERT_EQ(plan.problems.size(), 1U);
        EXPECT_THAT(plan.problems[0], HasSubstr("nvidia-fabricmanager 570.124.6"));
        EXPECT_THAT(plan.problems[0], HasSubstr("driver 570.86.15"));
    }
}

TEST(DaemonPlanTest, NvlsmHasAVersionOfItsOwn) {
    DriverManifest manifest = full_driver();
    spec(manifest, "nvlsm").version = "2026.01.3";
    EXPECT_THAT(plan_daemons(manifest, kGpu, nvlink5()).problems, IsEmpty());
}

TEST(DaemonPlanTest, ADriverWithoutTheFabricManagerSaysWhatThatMeans) {
    DriverManifest manifest = full_driver();
    std::erase_if(manifest.daemons, [](const DaemonSpec& daemon) { return daemon.name == "nvidia-fabricmanager"; });
    const DaemonPlan plan = plan_daemons(manifest, kGpu, nvlink4());
    EXPECT_THAT(plan.problems, ElementsAre(testing::AllOf(HasSubstr("2 NVSwitches"), HasSubstr("570.86.15-open"),
                                                          HasSubstr("error 802"))));
}

TEST(DaemonPlanTest, WithoutTheModulesThatReachTheSwitchesNothingIsStartedInVain) {
    FabricFacts fabric = nvlink5();
    fabric.missing_modules = {"ib_umad"};
    const DaemonPlan plan = plan_daemons(full_driver(), kGpu, fabric);
    EXPECT_THAT(plan.units(), ElementsAre("nvidia-persistenced.service"));
    EXPECT_THAT(plan.problems, ElementsAre(HasSubstr("ib_umad")));
}

TEST(DaemonPlanTest, APortThatAllowsNoSubnetManagerIsNoPortForIt) {
    FabricFacts fabric = nvlink5();
    fabric.switch_managers[0].may_manage = false;
    EXPECT_THAT(plan_daemons(full_driver(), kGpu, fabric).problems, ElementsAre(HasSubstr("no port")));
}

TEST(DaemonPlanTest, TheSwitchesOfARackAreManagedElsewhere) {
    for (const unsigned device : {0x2941U, 0x31c2U}) {
        FabricFacts fabric = nvlink5();
        fabric.imex_nodes = true;
        const DaemonPlan plan = plan_daemons(full_driver(), {{"0008:01:00.0", device, "nvidia"}}, fabric);
        EXPECT_THAT(plan.units(), ElementsAre("nvidia-persistenced.service", "nvidia-imex.service"));
    }
}

TEST(DaemonPlanTest, ImexRunsWhereNodesAreConfiguredAndOnlyInTheDriversVersion) {
    FabricFacts fabric;
    fabric.imex_nodes = true;
    DriverManifest manifest = full_driver();
    spec(manifest, "nvidia-imex").version = "570.86.10";
    EXPECT_THAT(plan_daemons(manifest, kGpu, fabric).problems,
                ElementsAre(testing::AllOf(HasSubstr("570.86.10"), HasSubstr("570.86.15"))));
}

TEST(DaemonPlanTest, AProgramThatTheUnitDoesNotRunIsNotStarted) {
    DriverManifest manifest = full_driver();
    spec(manifest, "nvidia-fabricmanager").program = "bin/fabric-manager";
    EXPECT_THAT(plan_daemons(manifest, kGpu, nvlink4()).problems, ElementsAre(HasSubstr("bin/fabric-manager")));
}

TEST(DaemonPlanTest, EveryUnitHasOneDaemon) {
    std::set<std::string_view> units;
    for (const KnownDaemon& daemon : kKnownDaemons) {
        EXPECT_TRUE(units.insert(daemon.unit).second);
        EXPECT_EQ(daemon_of(daemon.unit)->name, daemon.name);
    }
    EXPECT_EQ(daemon_of("nvidia.service"), nullptr);
}

TEST(FabricFactsTest, APortsGuidIsTheLowerHalfOfItsFirstGid) {
    EXPECT_EQ(port_guid("fe80:0000:0000:0000:e09d:7303:003f:3bf8"), "0xe09d7303003f3bf8");
    for (const char* bad :
         {"", "fe80", "abcd:0000:0000:0000:e09d:7303:003f:3bf8", "fe80:0000:0000:0000:e09d:7303:003f:3bfg",
          "fe80:0000:0000:0000:e09d:7303:003f-3bf8", "fe80:0000:0000:0000:e09d:7303:003f:3bf8:0000"})
        EXPECT_EQ(port_guid(bad), std::nullopt) << bad;
}

TEST(FabricFactsTest, Bit10OfTheCapabilitiesForbidsASubnetManager) {
    EXPECT_TRUE(allows_subnet_manager("0xa750e84a"));
    EXPECT_FALSE(allows_subnet_manager("0xa751ec48"));
    EXPECT_FALSE(allows_subnet_manager(""));
    EXPECT_FALSE(allows_subnet_manager("yes"));
}

TEST(FabricFactsTest, ANodeIsALineThatIsNoComment) {
    EXPECT_TRUE(names_nodes("# nodes\n\n 10.0.0.1\n"));
    EXPECT_FALSE(names_nodes("# nodes\n\n  # 10.0.0.1\n"));
    EXPECT_FALSE(names_nodes(""));
}

}  // namespace
}  // namespace overdrive
