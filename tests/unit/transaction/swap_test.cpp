#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "transaction/steps/load_modules.hpp"
#include "transaction/steps/start_daemons.hpp"
#include "transaction/steps/stop_daemons.hpp"
#include "transaction/steps/unload_modules.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kDaemon = "nvidia-persistenced.service";
constexpr const char* kOldGeneration = "/opt/nvidia/535.1.1/4081.2.1";
constexpr const char* kNewGeneration = "/opt/nvidia/550.1.1/4081.2.1";

DriverManifest old_manifest() {
    DriverManifest manifest = small_manifest("535.1.1");
    manifest.modules.front().parameters = {{"NVreg_OpenRmEnableUnsupportedGpus", "1"}};
    return manifest;
}

DeviceHolder process(int pid, const std::string& program, const std::string& pod = "") {
    DeviceHolder holder;
    holder.pid = pid;
    holder.program = program;
    holder.pod = pod;
    return holder;
}

/// A host on which driver 535.1.1 is loaded from its generation and held by the persistence daemon.
class SwapHost : public FakeHost {
public:
    SwapHost() {
        for (const ModuleSpec& module : old_manifest().modules)
            modules.load(std::string{kOldGeneration} + "/" + module.path, module.parameters);
        set_firmware_path(root_dir.root(), std::string{kOldGeneration} + "/lib/firmware");
        nodes.ensure(old_manifest().device_nodes);
        holders.daemons[kDaemon] = "nvidia";
        units.become_active(kDaemon);
        timeline.clear();
        failure.done = 0;
    }

    UnloadModules::Ports ports() { return {root_dir.root(), modules, holders, nodes, clock, services().read_facts}; }

    /// Everything that a swap may change, to compare before and after.
    std::map<std::string, std::string> state() {
        std::map<std::string, std::string> out;
        for (LoadedModule module : services().read_facts().modules) {
            std::sort(module.users.begin(), module.users.end());
            std::string text =
                module.version + " " + std::to_string(module.refcount) + " from " + modules.loaded_from[module.name];
            for (const std::string& user : module.users) text += " " + user;
            for (const auto& [name, value] : modules.parameters_of[module.name]) text += " " + name + "=" + value;
            out[module.name] = text;
        }
        out["driver"] = facts.driver_version.value_or("none");
        out["firmware"] = services().read_facts().firmware_path;
        for (const std::string& unit : units.active) out[unit] = "active";
        for (const DeviceHolder& holder : holders.find()) out[to_text(holder)] = "holds";
        for (const std::string& node : nodes.there) out[node] = "there";
        return out;
    }
};

class UnloadModulesTest : public testing::Test {
protected:
    UnloadModules step(std::optional<LoadedDriver> old = LoadedDriver{old_manifest(), kOldGeneration},
                       std::vector<std::string> stopping = {}) {
        return {host_.ports(), std::move(old), std::move(stopping)};
    }
    void stop_daemon() { host_.units.become_inactive(kDaemon); }
    template <typename Body>
    std::string words_of(Body&& body) {
        try {
            body();
        } catch (const Error& error) {
            return error.what();
        }
        return "nothing was thrown";
    }

    SwapHost host_;
};

TEST_F(UnloadModulesTest, UnloadsInOrderAndUndoLoadsAllBackFromItsGeneration) {
    stop_daemon();
    const auto before = host_.state();
    UnloadModules unload = step();
    unload.prepare();
    EXPECT_TRUE(unload.apply());
    EXPECT_THAT(host_.timeline, ElementsAre("unload nvidia_drm", "unload nvidia_uvm", "unload nvidia"));
    EXPECT_THAT(host_.facts.modules, IsEmpty());
    set_firmware_path(host_.root_dir.root(), std::string{kNewGeneration} + "/lib/firmware");
    host_.nodes.there.clear();

    unload.undo();
    EXPECT_EQ(host_.state(), before);
    EXPECT_EQ(host_.modules.parameters_of["nvidia"], old_manifest().modules.front().parameters);
}

TEST_F(UnloadModulesTest, RefusesWhileProcessesHoldTheDriverAndNamesThem) {
    host_.holders.hold(process(1234, "python3", "training/job-0"), "nvidia_uvm");
    UnloadModules unload = step({}, {kDaemon});
    EXPECT_EQ(words_of([&] { unload.prepare(); }),
              "driver 535.1.1 is in use by pid 1234 python3 (pod training/job-0): nvidia has 1 open reference, "
              "nvidia_uvm has 1 open reference");
    EXPECT_EQ(thrown_by([&] { unload.prepare(); }), Errc::module_busy);
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(UnloadModulesTest, ADaemonThatIsNotGoingToBeStoppedIsAHolderLikeAnyOther) {
    UnloadModules unload = step();
    EXPECT_THAT(words_of([&] { unload.prepare(); }), HasSubstr("pid 99 daemon (nvidia-persistenced.service)"));
}

TEST_F(UnloadModulesTest, WhatOnlyADaemonHoldsIsFreeWhenItHasStopped) {
    UnloadModules unload = step({}, {kDaemon});
    EXPECT_NO_THROW(unload.prepare());
    stop_daemon();
    EXPECT_TRUE(unload.apply());
}

TEST_F(UnloadModulesTest, WaitsForTheLastReferenceOfAStoppedDaemonButNotForLong) {
    UnloadModules unload = step({}, {kDaemon});
    unload.prepare();
    int looks = 0;
    host_.clock.on_sleep = [&] {
        if (++looks == 3) stop_daemon();
    };
    EXPECT_TRUE(unload.apply());
    EXPECT_EQ(looks, 3);

    SwapHost stuck;
    UnloadModules in_vain{stuck.ports(), {}, {kDaemon}};
    in_vain.prepare();
    EXPECT_EQ(thrown_by([&] { in_vain.apply(); }), Errc::module_busy);
    EXPECT_EQ(stuck.clock.now.time_since_epoch(), std::chrono::seconds{5});
    EXPECT_THAT(stuck.timeline, IsEmpty());
}

TEST_F(UnloadModulesTest, ReferencesThatNoProcessExplainsAreARefusal) {
    stop_daemon();
    host_.loaded("nvidia-drm")->refcount = 1;
    UnloadModules unload = step();
    EXPECT_THAT(words_of([&] { unload.prepare(); }),
                testing::AllOf(HasSubstr("nvidia_drm has 1 open reference"), HasSubstr("no process explains")));
}

TEST_F(UnloadModulesTest, AModuleOfSomebodyElseThatUsesOursIsARefusalAlsoBesideADaemon) {
    host_.loaded("nvidia")->users.emplace_back("gdrdrv");
    ++host_.loaded("nvidia")->refcount;
    UnloadModules unload = step({}, {kDaemon});
    EXPECT_EQ(words_of([&] { unload.prepare(); }), "driver 535.1.1 is in use: gdrdrv uses nvidia");
}

TEST_F(UnloadModulesTest, WhoeverComesAfterPrepareIsFoundBeforeTheFirstModuleGoes) {
    stop_daemon();
    UnloadModules unload = step();
    unload.prepare();
    host_.holders.hold(process(77, "late"), "nvidia");
    const auto before = host_.state();
    EXPECT_THAT(words_of([&] { unload.apply(); }), HasSubstr("pid 77 late"));
    unload.undo();
    EXPECT_EQ(host_.state(), before);
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(UnloadModulesTest, AHalfDoneUnloadIsTakenBackWhicheverModuleRefuses) {
    stop_daemon();
    for (int refusing = 1; refusing <= 3; ++refusing) {
        UnloadModules unload = step();
        unload.prepare();
        const auto before = host_.state();
        host_.failure = {refusing, 0, true};
        EXPECT_EQ(thrown_by([&] { unload.apply(); }), Errc::io) << refusing;
        EXPECT_EQ(host_.facts.modules.size(), static_cast<std::size_t>(4 - refusing));
        unload.undo();
        EXPECT_EQ(host_.state(), before) << refusing;
    }
}

TEST_F(UnloadModulesTest, ADriverOfSomebodyElseComesBackFromTheHostsOwnModules) {
    stop_daemon();
    UnloadModules unload = step(std::nullopt);
    unload.prepare();
    unload.apply();
    host_.modules.host_index = {{"nvidia", "535.1.1"}, {"nvidia_uvm", "535.1.1"}, {"nvidia_drm", "535.1.1"}};
    EXPECT_NO_THROW(unload.undo());
    EXPECT_EQ(host_.facts.driver_version, "535.1.1");
}

TEST_F(UnloadModulesTest, WhereTheHostDoesNotHaveItUndoSaysWhatIsMissing) {
    stop_daemon();
    UnloadModules unload = step(std::nullopt);
    unload.prepare();
    unload.apply();
    host_.modules.host_index = {{"nvidia", "510.1.1"}};
    const std::string words = words_of([&] { unload.undo(); });
    EXPECT_THAT(words, HasSubstr("driver 535.1.1 is not back as it was"));
    EXPECT_THAT(words, HasSubstr("nvidia is loaded in version '510.1.1', it was '535.1.1'"));
    EXPECT_THAT(words, HasSubstr("nvidia_uvm came from no generation and is not the host's"));
}

TEST_F(UnloadModulesTest, UndoDoesNotTakeAnotherVersionForTheOldOne) {
    stop_daemon();
    UnloadModules unload = step();
    unload.prepare();
    unload.apply();
    host_.modules.insert("nvidia", "550.1.1", "the new driver, which did not go");
    EXPECT_THAT(words_of([&] { unload.undo(); }), HasSubstr("nvidia is loaded in version '550.1.1'"));
}

TEST_F(UnloadModulesTest, WithoutAnyDriverThereIsNothingToUnload) {
    FakeHost empty;
    UnloadModules unload{
        {empty.root_dir.root(), empty.modules, empty.holders, empty.nodes, empty.clock, empty.services().read_facts},
        {},
        {}};
    unload.prepare();
    EXPECT_FALSE(unload.apply());
    unload.undo();
    EXPECT_THAT(empty.timeline, IsEmpty());
}

/// Runs the steps of a swap to 550.1.1; on failure takes them back, the failed one first.
std::optional<Errc> swap(SwapHost& host, Jobs jobs = Jobs::wait) {
    const Services services = host.services();
    const auto daemons = running_units(host.units, {kDaemon});
    const DriverManifest manifest = small_manifest("550.1.1");
    const HostFacts unloaded = after_unload(services.read_facts());
    std::vector<std::unique_ptr<Step>> steps;
    steps.push_back(std::make_unique<StopDaemons>(host.units, host.clock, daemons, jobs));
    steps.push_back(
        std::make_unique<UnloadModules>(host.ports(), LoadedDriver{old_manifest(), kOldGeneration}, daemons));
    steps.push_back(
        std::make_unique<LoadModules>(host.root_dir.root(), host.modules, unloaded, manifest, kNewGeneration));
    steps.push_back(std::make_unique<StartDaemons>(host.units, daemons, jobs));
    for (const auto& step : steps) step->prepare();
    for (std::size_t i = 0; i < steps.size(); ++i) {
        try {
            steps[i]->apply();
        } catch (const Error& failure) {
            for (std::size_t undone = i + 1; undone > 0; --undone) steps[undone - 1]->undo();
            return failure.code();
        }
    }
    return std::nullopt;
}

TEST(SwapTest, StopsUnloadsLoadsAndStartsInThisOrder) {
    SwapHost host;
    EXPECT_EQ(swap(host), std::nullopt);
    EXPECT_THAT(host.timeline, ElementsAre("stop nvidia-persistenced.service", "unload nvidia_drm", "unload nvidia_uvm",
                                           "unload nvidia", "prerequisite drm", "load nvidia", "load nvidia-uvm",
                                           "load nvidia-drm", "start nvidia-persistenced.service"));
    EXPECT_EQ(host.facts.driver_version, "550.1.1");
    EXPECT_EQ(host.loaded("nvidia")->refcount, 2U) << "nvidia_uvm and the daemon";
}

TEST(SwapTest, AFailureAtAnyPointLeavesTheHostAsBefore) {
    constexpr int kOptionalModule = 7;
    constexpr int kDaemonStart = 8;
    int fail_at = 1;
    for (; fail_at < 100; ++fail_at) {
        SwapHost host;
        const auto before = host.state();
        host.failure.fail_at = fail_at;
        const auto reason = swap(host);
        if (host.failure.done < fail_at) break;
        if (fail_at == kOptionalModule || fail_at == kDaemonStart) {
            EXPECT_EQ(reason, std::nullopt) << "the driver works without it";
            EXPECT_EQ(host.facts.driver_version, "550.1.1");
            continue;
        }
        EXPECT_NE(reason, std::nullopt) << fail_at;
        EXPECT_EQ(host.state(), before) << fail_at;
    }
    EXPECT_EQ(fail_at, 9) << "one stop, three unloads, three loads, one start";
}

TEST(SwapTest, InsideAUnitsStartNoJobIsWaitedFor) {
    SwapHost host;
    EXPECT_EQ(swap(host, Jobs::queue), std::nullopt);
    EXPECT_THAT(host.timeline, testing::Contains("queue stop nvidia-persistenced.service"));
    EXPECT_THAT(host.timeline, testing::Contains("queue start nvidia-persistenced.service"));
    EXPECT_THAT(host.timeline, testing::Not(testing::Contains("start nvidia-persistenced.service")));
}

class DaemonsTest : public testing::Test {
protected:
    SwapHost host_;
};

TEST_F(DaemonsTest, OnlyWhatRunsIsStoppedAndWithoutSystemdNothing) {
    host_.units.active.insert("dcgm.service");
    const std::vector<std::string> all{kDriverDaemons.begin(), kDriverDaemons.end()};
    EXPECT_THAT(running_units(host_.units, all), ElementsAre("dcgm.service", kDaemon));
    host_.units.is_reachable = false;
    EXPECT_THAT(running_units(host_.units, all), IsEmpty());
}

TEST_F(DaemonsTest, ADaemonThatDoesNotStopMakesTheDriverBusyAndIsStartedAgain) {
    host_.units.stops_when_queued = false;
    StopDaemons stop{host_.units, host_.clock, {kDaemon}, Jobs::queue};
    EXPECT_EQ(thrown_by([&] { stop.apply(); }), Errc::module_busy);
    EXPECT_EQ(host_.clock.now.time_since_epoch(), std::chrono::seconds{60});
    stop.undo();
    EXPECT_EQ(host_.timeline.back(), "queue start nvidia-persistenced.service") << "its stop goes on";
}

TEST_F(DaemonsTest, UndoStartsBackwardsAndGoesOnPastOneThatDoesNotStart) {
    host_.units.active.insert("dcgm.service");
    StopDaemons stop{host_.units, host_.clock, {"dcgm.service", kDaemon}, Jobs::wait};
    EXPECT_TRUE(stop.apply());
    EXPECT_THAT(host_.units.active, IsEmpty());
    host_.failure = {1, 0, true};
    EXPECT_EQ(thrown_by([&] { stop.undo(); }), Errc::service_manager);
    EXPECT_THAT(host_.units.active, ElementsAre("dcgm.service"));
}

TEST_F(DaemonsTest, WhatStartDaemonsStartedIsStoppedWhenALaterStepFails) {
    host_.units.become_inactive(kDaemon);
    StartDaemons start{host_.units, {kDaemon}, Jobs::wait};
    EXPECT_TRUE(start.apply());
    EXPECT_THAT(host_.units.active, ElementsAre(kDaemon));
    start.undo();
    EXPECT_THAT(host_.units.active, IsEmpty());
    EXPECT_FALSE((StartDaemons{host_.units, {}, Jobs::wait}.apply()));
}

}  // namespace
}  // namespace overdrive
