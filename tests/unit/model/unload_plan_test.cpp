#include "model/unload_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/device_holder.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

HostFacts host_with(std::vector<LoadedModule> modules) {
    HostFacts facts;
    facts.modules = std::move(modules);
    facts.kernel_release = "6.1.0-1-test";
    facts.driver_version = "535.1.1";
    facts.gpus = {{"0000:00:07.0", 0x1eb8, "nvidia"}};
    return facts;
}

TEST(UnloadPlanTest, UsersGoBeforeWhatTheyUseWhateverTheListsOrder) {
    const UnloadPlan plan =
        plan_unload(host_with({{"nvidia", 3, {"nvidia_uvm", "nvidia_peermem", "nvidia_modeset"}, ""},
                               {"nvidia_modeset", 1, {"nvidia_drm"}, ""},
                               {"nvidia_peermem", 0, {}, ""},
                               {"nvidia_uvm", 0, {}, ""},
                               {"nvidia_drm", 0, {}, ""}}));
    EXPECT_THAT(plan.order, ElementsAre("nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia_peermem", "nvidia"));
    EXPECT_TRUE(plan.is_free());
    EXPECT_EQ(describe_blockers(plan), "");
}

TEST(UnloadPlanTest, WhoUsesWhatDecidesAgainstTheUsualOrder) {
    const UnloadPlan plan = plan_unload(host_with({{"nvidia_drm", 1, {"nvidia_uvm"}, ""},
                                                   {"nvidia_uvm", 1, {"nvidia_fs"}, ""},
                                                   {"nvidia_fs", 0, {}, ""},
                                                   {"nvidia", 1, {"nvidia_drm"}, ""}}));
    EXPECT_THAT(plan.order, ElementsAre("nvidia_fs", "nvidia_uvm", "nvidia_drm", "nvidia"));
}

TEST(UnloadPlanTest, NvidiaGoesLastAlsoWhenNothingSeemsToUseIt) {
    EXPECT_THAT(plan_unload(host_with({{"nvidia", 0, {}, ""}, {"nvidia_drm", 0, {}, ""}})).order,
                ElementsAre("nvidia_drm", "nvidia"));
}

TEST(UnloadPlanTest, ReferencesThatNoModuleExplainsAreOpenOnes) {
    const UnloadPlan plan = plan_unload(
        host_with({{"nvidia", 5, {"nvidia_uvm"}, ""}, {"nvidia_uvm", 1, {}, ""}, {"nvidia_drm", 0, {}, ""}}));
    EXPECT_THAT(plan.open_references,
                ElementsAre(UnloadPlan::References{"nvidia", 4}, UnloadPlan::References{"nvidia_uvm", 1}));
    EXPECT_FALSE(plan.is_free());
    EXPECT_EQ(describe_blockers(plan), "nvidia has 4 open references, nvidia_uvm has 1 open reference");
}

TEST(UnloadPlanTest, AModuleOfSomebodyElseThatUsesOursBlocksAndIsNamed) {
    const UnloadPlan plan =
        plan_unload(host_with({{"nvidia", 2, {"gdrdrv", "nvidia_uvm"}, ""}, {"nvidia_uvm", 0, {}, ""}}));
    EXPECT_THAT(plan.foreign_users, ElementsAre(UnloadPlan::ForeignUser{"nvidia", "gdrdrv"}));
    EXPECT_THAT(plan.open_references, IsEmpty()) << "it is explained";
    EXPECT_FALSE(plan.is_free());
    EXPECT_EQ(describe_blockers(plan), "gdrdrv uses nvidia");
}

TEST(UnloadPlanTest, TheKernelsOwnModulesOfASimilarNameAndRivalsAreLeftAlone) {
    const UnloadPlan plan = plan_unload(
        host_with({{"nvidia_cspmu", 0, {}, ""}, {"nvidia_wmi_ec_backlight", 0, {}, ""}, {"nouveau", 1, {}, ""}}));
    EXPECT_THAT(plan.order, IsEmpty());
    EXPECT_THAT(plan.rivals, ElementsAre("nouveau"));
    EXPECT_TRUE(plan.is_free());
}

TEST(UnloadPlanTest, AfterwardsTheFactsKnowNoDriverButStillItsRival) {
    const HostFacts after = after_unload(host_with({{"nvidia", 0, {}, "535.1.1"}, {"nouveau", 0, {}, ""}}));
    EXPECT_EQ(after.loaded("nvidia"), nullptr);
    EXPECT_NE(after.loaded("nouveau"), nullptr);
    EXPECT_EQ(after.driver_version, std::nullopt);
    EXPECT_EQ(after.gpus.front().driver, "");
}

DriverManifest manifest_535() {
    return {.driver = DriverId::parse("535.1.1"),
            .driver_version = "535.1.1",
            .module_type = "stand-in",
            .os_id = "coreos",
            .os_version_id = "1",
            .os_key = "1",
            .architecture = "x86_64",
            .kernel_release = "6.1.0-1-test",
            .vermagic = "6.1.0-1-test SMP ",
            .build_id = {},
            .config_sha256 = {},
            .flavour = "test",
            .signer = {},
            .modules = {{"nvidia", "nvidia.ko", "535.1.1", {}, {}, true, true},
                        {"nvidia-uvm", "nvidia-uvm.ko", "535.1.1", {}, {}, true, true}},
            .prerequisites = {},
            .firmware = {"nvidia/535.1.1/gsp.bin"},
            .device_nodes = {},
            .daemons = {},
            .programs = {},
            .libraries = {},
            .user_space_layer = {},
            .files = {}};
}

TEST(IsLoadedFromTest, EveryLoadedModuleMustHaveTheVersionOfItsFile) {
    HostFacts facts = host_with({{"nvidia", 0, {}, "535.1.1"}});
    EXPECT_TRUE(is_loaded_from(facts, manifest_535(), "/opt/nvidia/535.1.1/1"));
    facts.modules.push_back({"nvidia_uvm", 0, {}, "535.9"});
    EXPECT_FALSE(is_loaded_from(facts, manifest_535(), "/opt/nvidia/535.1.1/1"));
}

TEST(IsLoadedFromTest, AnotherDriverOrKernelOrNoDriverIsNot) {
    HostFacts facts = host_with({{"nvidia", 0, {}, "535.1.1"}});
    facts.driver_version = "550.1.1";
    EXPECT_FALSE(is_loaded_from(facts, manifest_535(), "/opt/nvidia/535.1.1/1"));
    facts.driver_version.reset();
    EXPECT_FALSE(is_loaded_from(facts, manifest_535(), "/opt/nvidia/535.1.1/1"));
    facts = host_with({});
    facts.kernel_release = "6.1.0-2-test";
    EXPECT_FALSE(is_loaded_from(facts, manifest_535(), "/opt/nvidia/535.1.1/1"));
}

TEST(IsLoadedFromTest, TheFirmwarePathTellsTheOpenModulesFromTheProprietaryOnes) {
    HostFacts facts = host_with({{"nvidia", 0, {}, "535.1.1"}});
    facts.firmware_path = "/opt/nvidia/535.1.1-open/1/lib/firmware";
    EXPECT_FALSE(is_loaded_from(facts, manifest_535(), "/opt/nvidia/535.1.1/1"));
    EXPECT_TRUE(is_loaded_from(facts, manifest_535(), "/opt/nvidia/535.1.1-open/1"));
    facts.firmware_path = "/lib/firmware/custom";
    EXPECT_TRUE(is_loaded_from(facts, manifest_535(), "/opt/nvidia/535.1.1/1")) << "somebody else's tells nothing";
}

DeviceHolder process(int pid, const std::string& program) {
    DeviceHolder holder;
    holder.pid = pid;
    holder.program = program;
    return holder;
}

TEST(DeviceHolderTest, IsNamedByWhatTheOperatorCanStop) {
    DeviceHolder holder = process(1234, "python3");
    EXPECT_EQ(to_text(holder), "pid 1234 python3");
    holder.unit = "jupyter.service";
    EXPECT_EQ(to_text(holder), "pid 1234 python3 (jupyter.service)");
    holder.container = "podman 0123456789ab";
    EXPECT_EQ(to_text(holder), "pid 1234 python3 (podman 0123456789ab)");
    holder.pod = "training/job-0";
    EXPECT_EQ(to_text(holder), "pid 1234 python3 (pod training/job-0)");
}

TEST(DeviceHolderTest, AfterEightOnlyTheirNumberIsTold) {
    std::vector<DeviceHolder> holders;
    for (int pid = 1; pid <= 8; ++pid) holders.push_back(process(pid, "a"));
    EXPECT_TRUE(to_text(holders).ends_with("pid 8 a"));
    holders.push_back(process(9, "a"));
    holders.push_back(process(10, "a"));
    EXPECT_TRUE(to_text(holders).ends_with("pid 8 a and 2 more"));
}

}  // namespace
}  // namespace overdrive
