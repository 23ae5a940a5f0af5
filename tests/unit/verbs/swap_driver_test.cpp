#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/activate.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kDaemon = "nvidia-persistenced.service";

/// A host on which 535.1.1 is active and 550.1.1 is installed, too.
class SwapDriverTest : public testing::Test {
protected:
    SwapDriverTest() { begin(host_); }

    static void begin(FakeHost& host) {
        install_small_driver(host.root_dir.root(), small_manifest("535.1.1"));
        install_small_driver(host.root_dir.root(), small_manifest("550.1.1"));
        KeptReport ignored;
        activate(host, "535.1.1", ignored);
        host.holders.daemons[kDaemon] = "nvidia";
        host.units.become_active(kDaemon);
        host.timeline.clear();
        host.failure.done = 0;
    }
    static ExitCode activate(FakeHost& host, const std::string& driver, Report& report, bool boot = false) {
        Services services = host.services();
        ActivateOptions options;
        options.overrides.driver = driver;
        options.boot = boot;
        return run_activate(options, services, report);
    }
    ExitCode swap(bool boot = false) { return activate(host_, "550.1.1", report_, boot); }
    /// What user space and the kernel say, which must be the same.
    static std::string in_force(const FakeHost& host) {
        return host.facts.driver_version.value_or("nothing") + " " +
               host.root_dir.root().read_link("opt/nvidia/current").value_or("nothing") + " " +
               host.exposure.in_force.value_or("nothing");
    }
    static constexpr const char* kOld = "535.1.1 535.1.1/4081.2.1 /opt/nvidia/535.1.1/4081.2.1";
    static constexpr const char* kNew = "550.1.1 550.1.1/4081.2.1 /opt/nvidia/550.1.1/4081.2.1";

    FakeHost host_;
    KeptReport report_;
};

TEST_F(SwapDriverTest, ADriverThatOnlyItsDaemonHoldsIsSwappedAtOnce) {
    EXPECT_EQ(in_force(host_), kOld);
    EXPECT_EQ(swap(), ExitCode::ok);
    EXPECT_EQ(in_force(host_), kNew);
    EXPECT_THAT(host_.units.active, ElementsAre(kDaemon));
    EXPECT_THAT(host_.timeline, Contains("unload nvidia"));
}

TEST_F(SwapDriverTest, OneThatSomebodyUsesStaysUntilTheNextBootAndTheHolderIsNamed) {
    DeviceHolder holder;
    holder.pid = 1234;
    holder.program = "python3";
    holder.pod = "training/job-0";
    host_.holders.hold(holder, "nvidia_uvm");
    EXPECT_EQ(swap(), ExitCode::at_reboot);
    EXPECT_EQ(in_force(host_), kOld);
    EXPECT_THAT(host_.timeline, IsEmpty());
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("pid 1234 python3 (pod training/job-0)")));
    EXPECT_EQ(report_.json["because"], "reboot-needed");
}

TEST_F(SwapDriverTest, OneThatComesIntoUseWhileItsDaemonsStopWaitsForTheNextBootToo) {
    host_.clock.on_sleep = [&] {
        if (host_.units.active.contains("late")) return;
        host_.units.active.insert("late");
        DeviceHolder holder;
        holder.pid = 77;
        holder.program = "late";
        host_.holders.hold(holder, "nvidia");
        host_.units.become_inactive(kDaemon);
    };
    host_.units.stops_when_queued = false;
    EXPECT_EQ(swap(true), ExitCode::ok) << "inside a unit it is no failure";
    EXPECT_EQ(report_.json["result"], "at-reboot");
    EXPECT_EQ(in_force(host_), kOld);
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("pid 77 late")));
    EXPECT_EQ(host_.timeline.back(), "queue start nvidia-persistenced.service");
}

TEST_F(SwapDriverTest, AFailureAtAnyPointLeavesTheOldDriverOrTheNewOneWhole) {
    int swapped = 0;
    int fail_at = 1;
    for (; fail_at < 100; ++fail_at) {
        FakeHost host;
        begin(host);
        host.failure.fail_at = fail_at;
        KeptReport report;
        const auto reason = thrown_by([&] { activate(host, "550.1.1", report); });
        if (host.failure.done < fail_at) break;
        EXPECT_NE(reason, Errc::not_restored) << fail_at;
        EXPECT_THAT(in_force(host), testing::AnyOf(kOld, kNew)) << fail_at;
        EXPECT_FALSE(host.nodes.there.empty()) << fail_at;
        if (in_force(host) == kNew) {
            ++swapped;
            continue;
        }
        EXPECT_THAT(host.units.active, ElementsAre(kDaemon)) << fail_at;
        EXPECT_EQ(host.facts.modules.size(), 3U) << fail_at;
        EXPECT_EQ(host.services().read_facts().firmware_path, "/opt/nvidia/535.1.1/4081.2.1/lib/firmware") << fail_at;
    }
    EXPECT_GT(fail_at, 8);
    EXPECT_EQ(swapped, 2) << "an optional module and the daemon's start may fail";
}

}  // namespace
}  // namespace overdrive
