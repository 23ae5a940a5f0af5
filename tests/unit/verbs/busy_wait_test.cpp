#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/activate.hpp"
#include "verbs/install.hpp"
#include "verbs/rollback.hpp"

namespace overdrive {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr const char* kDaemon = "nvidia-persistenced.service";
constexpr const char* kMonitor = "dcgm-exporter.service";

/// A host on which 535.1.1 is active with its daemon, and 550.1.1 is installed, too.
class BusyWaitTest : public testing::Test {
protected:
    BusyWaitTest() {
        install_small_driver(host_.root_dir.root(), small_manifest("535.1.1"));
        install_small_driver(host_.root_dir.root(), small_manifest("550.1.1"));
        KeptReport ignored;
        activate("535.1.1", {}, ignored);
        host_.holders.daemons[kDaemon] = "nvidia";
        host_.units.become_active(kDaemon);
        host_.timeline.clear();
    }
    ExitCode activate(const std::string& driver, const BusyRequest& busy, Report& report, bool boot = false) {
        Services services = host_.services();
        ActivateOptions options;
        options.overrides.driver = driver;
        options.busy = busy;
        options.boot = boot;
        return run_activate(options, services, report);
    }
    ExitCode swap(const BusyRequest& busy, bool boot = false) { return activate("550.1.1", busy, report_, boot); }
    std::optional<Errc> refusal(const BusyRequest& busy) {
        return thrown_by([&] { swap(busy); });
    }
    void hold(const std::string& unit) {
        DeviceHolder holder;
        holder.pid = 1234;
        holder.program = "python3";
        holder.unit = unit;
        holder.container = "podman 0123456789ab";
        host_.holders.hold(holder, "nvidia_uvm");
    }
    [[nodiscard]] std::chrono::milliseconds waited() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(host_.clock.now -
                                                                     std::chrono::steady_clock::time_point{});
    }

    FakeHost host_;
    KeptReport report_;
};

TEST_F(BusyWaitTest, WaitsForTheHolderToEndAndThenSwaps) {
    hold("job");
    host_.clock.on_sleep = [&] {
        if (waited() >= 20s) host_.holders.let_go("job");
    };
    EXPECT_EQ(swap({.when_busy = WhenBusy::wait}), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, "550.1.1");
    EXPECT_GE(waited(), 20s);
    EXPECT_LT(waited(), 25s);
    EXPECT_THAT(report_.notes, Contains(AllOf(HasSubstr("waiting up to 60 s more"),
                                              HasSubstr("pid 1234 python3 (podman 0123456789ab)"))));
    EXPECT_THAT(report_.notes, Contains(HasSubstr("waiting up to 50 s more"))) << "and tells that it goes on";
}

TEST_F(BusyWaitTest, AfterItsTimeTheSwapWaitsForTheNextBoot) {
    hold("job");
    EXPECT_EQ(swap({.when_busy = WhenBusy::wait}), ExitCode::at_reboot);
    EXPECT_GE(waited(), 60s);
    EXPECT_LT(waited(), 62s);
    EXPECT_THAT(host_.timeline, IsEmpty()) << "not even the daemon was stopped for nothing";
}

TEST_F(BusyWaitTest, NowFailsInTheEndNamingTheHolderAndHasChangedNothing) {
    hold("job");
    try {
        swap({.when_busy = {}, .now = true});
        FAIL() << "it must not be put off";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::module_busy);
        EXPECT_EQ(exit_code_of(error.code()), ExitCode::busy);
        EXPECT_THAT(error.what(), HasSubstr("pid 1234 python3 (podman 0123456789ab)"));
        EXPECT_THAT(error.remedy(), HasSubstr("--now"));
    }
    EXPECT_THAT(host_.timeline, IsEmpty());
    EXPECT_THAT(host_.units.active, ElementsAre(kDaemon));
    EXPECT_EQ(host_.facts.driver_version, "535.1.1");
    EXPECT_EQ(Store{host_.root_dir.root()}.load_record()->pending, std::nullopt);
}

TEST_F(BusyWaitTest, NowStopsAMonitorThatHoldsTheDriverAndStartsItAgain) {
    host_.holders.daemons[kMonitor] = "nvidia_uvm";
    host_.units.become_active(kMonitor);
    EXPECT_EQ(swap({.when_busy = {}, .now = true}), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, "550.1.1");
    EXPECT_THAT(host_.units.active, UnorderedElementsAre(kMonitor, kDaemon));
    EXPECT_THAT(host_.timeline, Contains("stop dcgm-exporter.service"));
    EXPECT_EQ(host_.timeline.back(), "start dcgm-exporter.service") << "after the daemon that it asks";
}

TEST_F(BusyWaitTest, AMonitorIsStartedAgainAlsoWhenTheSwapFails) {
    host_.holders.daemons[kMonitor] = "nvidia_uvm";
    host_.units.become_active(kMonitor);
    host_.modules.refused_versions.insert("550.1.1");
    EXPECT_EQ(refusal({.when_busy = {}, .now = true}), Errc::module_load);
    EXPECT_EQ(host_.facts.driver_version, "535.1.1");
    EXPECT_THAT(host_.units.active, UnorderedElementsAre(kMonitor, kDaemon));
}

TEST_F(BusyWaitTest, AMonitorThatDoesNotHoldTheDriverIsLeftAlone) {
    host_.units.become_active(kMonitor);
    EXPECT_EQ(swap({.when_busy = {}, .now = true}), ExitCode::ok);
    EXPECT_THAT(host_.timeline, Not(Contains("stop dcgm-exporter.service")));
}

TEST_F(BusyWaitTest, WithoutBeingToldNobodysMonitorIsStopped) {
    host_.holders.daemons[kMonitor] = "nvidia_uvm";
    host_.units.become_active(kMonitor);
    EXPECT_EQ(swap({}), ExitCode::at_reboot);
    EXPECT_EQ(waited(), 0s);
    EXPECT_THAT(report_.warnings, Contains(HasSubstr(kMonitor)));
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(BusyWaitTest, SomebodyWhoComesWhileTheDaemonsStopIsWaitedForToo) {
    bool came = false;
    host_.units.on_stop = [&] {
        if (came) return;
        came = true;
        hold("late");
    };
    host_.clock.on_sleep = [&] {
        if (waited() >= 20s) host_.holders.let_go("late");
    };
    EXPECT_EQ(swap({.when_busy = WhenBusy::wait}), ExitCode::ok);
    EXPECT_TRUE(came);
    EXPECT_EQ(host_.facts.driver_version, "550.1.1");
    EXPECT_THAT(host_.units.active, ElementsAre(kDaemon));
}

TEST_F(BusyWaitTest, AConsoleIsNotWaitedForAndIsNamed) {
    host_.holders.in_kernel.push_back(
        {"nvidia_drm", "the text console is drawn on fb0", "'echo 0 > /sys/class/vtconsole/vtcon1/bind' takes it off"});
    ++host_.loaded("nvidia_drm")->refcount;
    try {
        swap({.when_busy = {}, .now = true});
        FAIL() << "a console does not go by itself";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("nvidia_drm: the text console is drawn on fb0"));
        EXPECT_THAT(error.what(), Not(HasSubstr("no process explains")));
    }
    EXPECT_EQ(waited(), 0s);
}

TEST_F(BusyWaitTest, ARollbackThatCannotBeNowLeavesTheRecordWantingWhatItDid) {
    const auto before = Store{host_.root_dir.root()}.load_record();
    hold("job");
    Services services = host_.services();
    const RollbackOptions options{.to = "550.1.1", .busy = {.when_busy = {}, .now = true}};
    EXPECT_EQ(thrown_by([&] { run_rollback(options, services, report_); }), Errc::module_busy);
    const auto after = Store{host_.root_dir.root()}.load_record();
    EXPECT_EQ(after->wanted, before->wanted);
    EXPECT_EQ(after->desired, before->desired);
    EXPECT_EQ(after->rolled_back, std::nullopt);
    EXPECT_EQ(host_.facts.driver_version, "535.1.1");
}

TEST_F(BusyWaitTest, AnUpdateThatCannotBeNowLeavesTheRecordWantingWhatItDid) {
    host_.root_dir.write("etc/overdrive/config.toml", "driver = \"550.1.1\"\nbusy-wait = 5\n");
    const auto before = Store{host_.root_dir.root()}.load_record();
    hold("job");
    Services services = host_.services();
    InstallOptions options;
    options.no_units = true;
    options.busy.now = true;
    EXPECT_EQ(thrown_by([&] { run_update(options, services, report_); }), Errc::module_busy);
    const auto after = Store{host_.root_dir.root()}.load_record();
    EXPECT_EQ(after->wanted, before->wanted);
    EXPECT_EQ(after->desired, before->desired);
    EXPECT_EQ(host_.facts.driver_version, "535.1.1");
}

TEST_F(BusyWaitTest, ABootNeverWaits) {
    host_.root_dir.write("etc/overdrive/config.toml", "when-busy = \"wait\"\nbusy-wait = 600\n");
    hold("job");
    EXPECT_EQ(swap({}, true), ExitCode::ok);
    EXPECT_EQ(report_.json["result"], "at-reboot");
    EXPECT_EQ(waited(), 0s);
}

}  // namespace
}  // namespace overdrive
