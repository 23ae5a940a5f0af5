#include "verbs/deactivate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/activate.hpp"
#include "verbs/loaded_driver.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kDaemon = "nvidia-persistenced.service";
constexpr const char* kUnit = "nvidia.service";

/// A host on which 550.1.1 is active, its units with it.
class DeactivateTest : public testing::Test {
protected:
    DeactivateTest() {
        install_small_driver(host_.root_dir.root(), small_manifest("550.1.1"));
        Services services = host_.services();
        run_activate({}, services, report_);
        host_.holders.daemons[kDaemon] = "nvidia";
        host_.units.become_active(kDaemon);
        host_.units.become_active(kUnit);
        host_.timeline.clear();
        host_.failure.done = 0;
    }

    ExitCode deactivate(bool boot = false) {
        Services services = host_.services();
        return run_deactivate({.boot = boot}, services, report_);
    }
    std::string firmware_path() { return host_.services().read_facts().firmware_path; }

    FakeHost host_;
    KeptReport report_;
};

TEST_F(DeactivateTest, TakesEverythingBackAndKeepsTheGeneration) {
    EXPECT_EQ(deactivate(), ExitCode::ok);
    EXPECT_THAT(host_.timeline, ElementsAre("stop nvidia-persistenced.service", "stop nvidia.service",
                                            "unload nvidia_drm", "unload nvidia_uvm", "unload nvidia", "unexpose"));
    EXPECT_THAT(host_.nodes.there, IsEmpty());
    EXPECT_EQ(firmware_path(), "");
    EXPECT_TRUE(host_.root_dir.root().exists("opt/nvidia/550.1.1/4081.2.1/driver.json"));
}

TEST_F(DeactivateTest, WhileSomebodyUsesTheDriverItRefusesByNameBeforeAnythingIsStopped) {
    DeviceHolder holder;
    holder.pid = 1234;
    holder.program = "python3";
    holder.pod = "training/job-0";
    host_.holders.hold(holder, "nvidia_uvm");
    try {
        deactivate();
        FAIL() << "must refuse";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::module_busy);
        EXPECT_THAT(error.what(), HasSubstr("pid 1234 python3 (pod training/job-0)"));
        EXPECT_THAT(error.remedy(), HasSubstr("stop"));
    }
    EXPECT_THAT(host_.timeline, IsEmpty());
    EXPECT_THAT(host_.units.active, ElementsAre(kDaemon, kUnit));
}

TEST_F(DeactivateTest, WhenAModuleDoesNotGoTheDriverAndItsUnitsComeBack) {
    constexpr int kSecondUnload = 4;
    const std::string firmware = firmware_path();
    host_.failure.fail_at = kSecondUnload;
    EXPECT_EQ(thrown_by([&] { deactivate(); }), Errc::io);
    EXPECT_EQ(host_.facts.modules.size(), 3U);
    EXPECT_EQ(host_.modules.loaded_from["nvidia_drm"],
              "/opt/nvidia/550.1.1/4081.2.1/lib/modules/6.1.0-1-test/nvidia-drm.ko");
    EXPECT_THAT(host_.units.active, ElementsAre(kDaemon, kUnit));
    EXPECT_EQ(firmware_path(), firmware);
    EXPECT_FALSE(host_.nodes.there.empty());
}

TEST_F(DeactivateTest, WhatDoesNotComeBackIsToldAsNotRestored) {
    host_.failure.fail_at = 4;
    host_.modules.no_device = true;
    EXPECT_EQ(thrown_by([&] { deactivate(); }), Errc::not_restored);
}

TEST_F(DeactivateTest, AtShutdownOnlyTheLibrariesAreDetached) {
    EXPECT_EQ(deactivate(true), ExitCode::ok);
    EXPECT_THAT(host_.timeline, ElementsAre("unexpose"));
    EXPECT_EQ(host_.facts.modules.size(), 3U);
}

TEST_F(DeactivateTest, ADriverOfSomebodyElseIsLeftWhereNothingIsCurrent) {
    FakeHost host;
    host.modules.insert("nvidia", "535.1.1", "/somewhere");
    Services services = host.services();
    EXPECT_EQ(run_deactivate({}, services, report_), ExitCode::ok);
    EXPECT_THAT(host.timeline, IsEmpty());
}

TEST_F(DeactivateTest, TheLoadedDriverIsFoundAmongTheGenerationsWhateverIsCurrent) {
    install_small_driver(host_.root_dir.root(), small_manifest("535.1.1"));
    const Store store{host_.root_dir.root()};
    const auto loaded = [&] {
        Services services = host_.services();
        std::vector<std::string> warnings;
        return find_loaded_driver(store, read_local_state(services, store, {}, warnings));
    };
    ASSERT_TRUE(loaded());
    EXPECT_EQ(loaded()->generation, "/opt/nvidia/550.1.1/4081.2.1");
    host_.facts.driver_version = "535.1.1";
    for (LoadedModule& module : host_.facts.modules) module.version = "535.1.1";
    host_.root_dir.write("sys/module/firmware_class/parameters/path", "/opt/nvidia/535.1.1/4081.2.1/lib/firmware");
    ASSERT_TRUE(loaded());
    EXPECT_EQ(loaded()->generation, "/opt/nvidia/535.1.1/4081.2.1");
    host_.facts.driver_version = "470.1.1";
    EXPECT_FALSE(loaded());
}

}  // namespace
}  // namespace overdrive
