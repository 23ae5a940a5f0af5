#include "devices/fabric_facts_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "devices/hardware_tree.hpp"
#include "devices/host_facts_reader.hpp"
#include "model/daemon_plan.hpp"
#include "support/installed_driver.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// The daemons that a driver which brings all of them runs on a machine of tests/data/hardware.
std::vector<std::string> units_on(const std::string& machine) {
    const HardwareTree hardware{machine};
    DriverManifest manifest = small_manifest("580.1.1-open");
    for (const KnownDaemon& daemon : kKnownDaemons)
        manifest.daemons.push_back({std::string{daemon.name}, std::string{daemon.program}, "580.1.1", ""});
    return plan_daemons(manifest, read_gpus(hardware.root()), read_fabric_facts(hardware.root())).units();
}

TEST(FabricFactsReaderTest, AnHgxH100HasFourSwitchesOnItsBus) {
    const HardwareTree hardware{"hgx-h100.lspci"};
    const FabricFacts facts = read_fabric_facts(hardware.root());
    EXPECT_THAT(facts.switches, ElementsAre("0000:05:00.0", "0000:06:00.0", "0000:07:00.0", "0000:08:00.0"));
    EXPECT_THAT(facts.switch_managers, IsEmpty());
    EXPECT_THAT(read_gpus(hardware.root()), SizeIs(8));
    EXPECT_THAT(units_on("hgx-h100.lspci"), ElementsAre("nvidia-persistenced.service", "nvidia-fabricmanager.service"));
}

TEST(FabricFactsReaderTest, AnHgxA100HasSixSwitches) {
    EXPECT_THAT(read_fabric_facts(HardwareTree{"hgx-a100.lspci"}.root()).switches, SizeIs(6));
    EXPECT_THAT(units_on("hgx-a100.lspci"), ElementsAre("nvidia-persistenced.service", "nvidia-fabricmanager.service"));
}

TEST(FabricFactsReaderTest, AnHgxB200IsManagedByThePortsThatSaySo) {
    const FabricFacts facts = read_fabric_facts(HardwareTree{"hgx-b200.lspci"}.root());
    EXPECT_THAT(facts.switches, IsEmpty());
    ASSERT_THAT(facts.switch_managers, SizeIs(2));  // the network's own ConnectX is none
    EXPECT_FALSE(facts.switch_managers[0].may_manage);
    EXPECT_TRUE(facts.switch_managers[1].may_manage);
    EXPECT_EQ(facts.switch_managers[1].port, "0xe09d7303003f3bf9");
    EXPECT_THAT(facts.missing_modules, IsEmpty());
    EXPECT_THAT(units_on("hgx-b200.lspci"),
                ElementsAre("nvidia-persistenced.service", "nvidia-nvlsm.service", "nvidia-fabricmanager.service"));
}

TEST(FabricFactsReaderTest, WithoutIbUmadItIsMissing) {
    const HardwareTree hardware{"hgx-b200.lspci"};
    hardware.root().remove_tree("sys/module/ib_umad");
    EXPECT_THAT(read_fabric_facts(hardware.root()).missing_modules, ElementsAre("ib_umad"));
}

TEST(FabricFactsReaderTest, AComputeTrayOfARackRunsImexAndNoFabricManager) {
    EXPECT_THAT(units_on("gb200-tray.lspci"), ElementsAre("nvidia-persistenced.service", "nvidia-imex.service"));
}

TEST(FabricFactsReaderTest, AHostWithoutPciHasNone) {
    const TemporaryRoot empty;
    const FabricFacts facts = read_fabric_facts(empty.root());
    EXPECT_THAT(facts.switches, IsEmpty());
    EXPECT_FALSE(facts.imex_nodes);
}

TEST(FabricFactsReaderTest, VitalProductDataWithoutEndIsNotReadToIt) {
    const HardwareTree hardware{"hgx-b200.lspci"};
    hardware.tree().write("sys/bus/pci/devices/0000:05:00.0/vpd", std::string(1U << 20U, 'x') + "SW_MNG");
    EXPECT_THAT(read_fabric_facts(hardware.root()).switch_managers, SizeIs(1));
}

}  // namespace
}  // namespace overdrive
