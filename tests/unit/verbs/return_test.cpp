#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/activate.hpp"
#include "verbs/local_state.hpp"
#include "verbs/rollback.hpp"
#include "verbs/status.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kOld = "550.1.1/4081.2.1";
constexpr const char* kNew = "560.1.1/4081.2.1";

/// A host on which 550.1.1 was active, and 560.1.1 is installed and wanted now.
class ReturnTest : public testing::Test {
protected:
    ReturnTest() {
        const Root& root = host_.root_dir.root();
        old_ = install_small_driver(root, small_manifest("550.1.1"));
        EXPECT_EQ(activate(), ExitCode::ok);
        new_ = install_small_driver(root, small_manifest("560.1.1"));
        host_.root_dir.write("etc/overdrive/config.toml", "driver = \"560.1.1\"\n");
        host_.timeline.clear();
    }

    ExitCode activate(bool boot = false, std::optional<std::string> driver = {}) {
        Services services = host_.services();
        ActivateOptions options;
        options.boot = boot;
        options.overrides.driver = std::move(driver);
        return run_activate(options, services, report_);
    }
    ExitCode rollback(std::optional<std::string> to = {}) {
        Services services = host_.services();
        return run_rollback({.to = std::move(to)}, services, report_);
    }
    nlohmann::ordered_json status() {
        Services services = host_.services();
        KeptReport report;
        run_status({}, services, report);
        return report.json;
    }
    Record record() { return Store{host_.root_dir.root()}.load_record().value(); }
    std::optional<std::string> current() { return host_.root_dir.root().read_link("opt/nvidia/current"); }
    void reboot(const std::string& boot_id) {
        host_.facts.modules.clear();
        host_.facts.driver_version.reset();
        host_.facts.boot_id = boot_id;
        host_.exposure.in_force.reset();
        host_.nodes.there.clear();
        host_.root_dir.write("sys/module/firmware_class/parameters/path", "");
        host_.root_dir.root().remove_tree("run/overdrive");
        host_.timeline.clear();
    }

    FakeHost host_;
    KeptReport report_;
    Pair old_ = {DriverId::parse("550.1.1"), "4081.2.1"};
    Pair new_ = old_;
};

TEST_F(ReturnTest, ALoadedDriverThatNobodyUsesIsSwapped) {
    host_.holders.daemons["nvidia-persistenced.service"] = "nvidia";
    host_.units.become_active("nvidia-persistenced.service");
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, "560.1.1");
    EXPECT_EQ(current(), kNew);
    EXPECT_EQ(host_.units.active_state("nvidia-persistenced.service"), "active");
    EXPECT_THAT(host_.units.forgotten, Contains("nvidia-persistenced.service"))
        << "else systemd's start limit refuses it after a few swaps";
    EXPECT_EQ(host_.exposure.in_force, "/opt/nvidia/560.1.1/4081.2.1");
    EXPECT_EQ(status()["state"], "ready");
    EXPECT_EQ(record().last_good.at("6.1.0-1-test"), new_);
}

TEST_F(ReturnTest, ALoadedDriverInUseStaysWithItsUserSpaceUntilTheNextBoot) {
    DeviceHolder holder;
    holder.pid = 1234;
    holder.program = "python3";
    host_.holders.hold(holder, "nvidia_uvm");

    EXPECT_EQ(activate(), ExitCode::at_reboot);

    EXPECT_EQ(host_.facts.driver_version, "550.1.1");
    EXPECT_EQ(current(), kOld) << "user space and module never disagree";
    EXPECT_EQ(host_.exposure.in_force, "/opt/nvidia/550.1.1/4081.2.1");
    EXPECT_THAT(host_.timeline, IsEmpty());
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("python3")));
    EXPECT_EQ(record().pending, new_);
    EXPECT_EQ(status()["because"], "reboot-needed");
}

TEST_F(ReturnTest, ADriverThatDoesNotLoadGivesWayToTheLastGoodOne) {
    host_.modules.refused_versions = {"560.1.1"};

    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::module_load);

    EXPECT_EQ(host_.facts.driver_version, "550.1.1");
    EXPECT_EQ(current(), kOld);
    EXPECT_EQ(host_.exposure.in_force, "/opt/nvidia/550.1.1/4081.2.1");
    const auto seen = status();
    EXPECT_EQ(seen["state"], "degraded");
    EXPECT_EQ(seen["because"], "returned");
    EXPECT_THAT(seen["why"].get<std::string>(), HasSubstr("560.1.1/4081.2.1 failed: module-load"));
    EXPECT_TRUE(host_.root_dir.root().exists("run/overdrive/ready")) << "pods can use what is in force";
    EXPECT_THAT(record().attempt(new_)->reason, HasSubstr("Unknown symbol"));
}

TEST_F(ReturnTest, ADriverThatLoadsAndFailsItsVerificationGivesWayToTheLastGoodOne) {
    reboot("boot-2");
    host_.processes.answer = {.exit_code = 0, .timed_out = false, .output = "GPU 0: fake"};
    host_.module_versions["nvidia-uvm"] = "1.2.3";
    // The old driver's module is what its file says; the new one's is not.
    host_.root_dir.write("etc/overdrive/config.toml", "driver = \"560.1.1\"\n");
    EXPECT_EQ(activate(true), ExitCode::ok);
    EXPECT_EQ(record().attempt(new_)->boot_id, "boot-2");
    EXPECT_THAT(record().attempt(new_)->reason, HasSubstr("verify-failed"));
}

TEST_F(ReturnTest, AtBootTheOldDriverIsUpInTheSameBootAndTheUnitSucceeds) {
    host_.modules.refused_versions = {"560.1.1"};
    reboot("boot-2");

    EXPECT_EQ(activate(true), ExitCode::ok);

    EXPECT_EQ(host_.facts.driver_version, "550.1.1");
    EXPECT_EQ(current(), kOld);
    EXPECT_EQ(status()["because"], "returned");
}

TEST_F(ReturnTest, ABadDriverIsTriedOnceABoot) {
    host_.modules.refused_versions = {"560.1.1"};
    reboot("boot-2");
    activate(true);
    host_.timeline.clear();

    EXPECT_EQ(activate(true), ExitCode::ok);
    EXPECT_THAT(host_.timeline, IsEmpty()) << "tried already in this boot";

    reboot("boot-3");
    host_.modules.refused_versions.clear();
    EXPECT_EQ(activate(true), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, "560.1.1") << "the next boot tries it again";
    EXPECT_EQ(record().attempt(new_), nullptr);
    EXPECT_EQ(status()["state"], "ready");
}

TEST_F(ReturnTest, TheOperatorCanTryABadDriverAgainByName) {
    host_.modules.refused_versions = {"560.1.1"};
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::module_load);
    host_.modules.refused_versions.clear();
    EXPECT_EQ(activate(false, "560.1.1"), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, "560.1.1");
}

TEST_F(ReturnTest, ADamagedLastGoodDriverIsNotReliedOn) {
    host_.modules.refused_versions = {"560.1.1"};
    host_.root_dir.write("opt/nvidia/550.1.1/4081.2.1/extra", "x");
    reboot("boot-2");

    EXPECT_EQ(activate(true), ExitCode::ok) << "the boot goes on";

    EXPECT_EQ(host_.facts.driver_version, std::nullopt);
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("'extra'")));
    EXPECT_EQ(status()["because"], "activation-failed");
}

TEST_F(ReturnTest, AFailureAtAnyPointOfASwapLeavesTheOldDriverInForce) {
    int fail_at = 1;
    for (; fail_at < 100; ++fail_at) {
        FakeHost host;
        KeptReport report;
        Services services = host.services();
        install_small_driver(host.root_dir.root(), small_manifest("550.1.1"));
        run_activate({}, services, report);
        install_small_driver(host.root_dir.root(), small_manifest("560.1.1"));
        host.root_dir.write("etc/overdrive/config.toml", "driver = \"560.1.1\"\n");
        host.failure.done = 0;
        host.failure.fail_at = fail_at;
        const auto reason = thrown_by([&] { run_activate({}, services, report); });
        if (host.failure.done < fail_at) break;
        if (!reason) continue;  // an optional module may fail
        EXPECT_NE(reason, Errc::not_restored) << fail_at;
        EXPECT_EQ(host.facts.driver_version, "550.1.1") << fail_at;
        EXPECT_EQ(host.exposure.in_force, "/opt/nvidia/550.1.1/4081.2.1") << fail_at;
        EXPECT_EQ(host.root_dir.root().read_link("opt/nvidia/current"), kOld) << fail_at;
    }
    EXPECT_GT(fail_at, 6);
    EXPECT_LT(fail_at, 100);
}

TEST_F(ReturnTest, AFaultOfTheHostIsNotHeldAgainstTheDriver) {
    host_.facts.modules.clear();
    host_.facts.driver_version.reset();
    host_.failure.done = 0;
    host_.failure.fail_at = 1;  // io
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::io);
    EXPECT_EQ(record().attempt(new_), nullptr);
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, "560.1.1");
}

TEST_F(ReturnTest, AnOperatorWhoHasNothingElseTriesABadDriverAgain) {
    host_.modules.refused_versions = {"560.1.1", "550.1.1"};
    reboot("boot-2");
    activate(true);
    EXPECT_EQ(host_.facts.driver_version, std::nullopt);
    host_.modules.refused_versions.clear();
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, "560.1.1");
}

TEST_F(ReturnTest, RollbackReturnsToWhatWasInForceBefore) {
    activate();
    EXPECT_EQ(rollback(), ExitCode::ok);
    EXPECT_EQ(host_.facts.driver_version, "550.1.1");
    EXPECT_EQ(current(), kOld);
    EXPECT_EQ(record().desired, old_);
    EXPECT_EQ(record().rolled_back, (RolledBack{.configured = "560.1.1", .from = new_, .to = old_}));
}

TEST_F(ReturnTest, RollbackHoldsUntilTheConfigurationWishesSomethingElse) {
    activate();
    rollback();
    reboot("boot-2");
    activate(true);
    EXPECT_EQ(host_.facts.driver_version, "550.1.1") << "the configuration still wishes what it did then";

    host_.root_dir.write("etc/overdrive/config.toml", "driver = \"560\"\n");
    reboot("boot-3");
    activate(true);
    EXPECT_EQ(host_.facts.driver_version, "560.1.1");
}

TEST_F(ReturnTest, RollbackToADriverThatDoesNotLoadLeavesEverythingAsItWas) {
    activate();
    const auto before = record();
    host_.modules.refused_versions = {"550.1.1"};
    EXPECT_EQ(thrown_by([&] { rollback(); }), Errc::module_load);
    EXPECT_EQ(host_.facts.driver_version, "560.1.1");
    EXPECT_EQ(current(), kNew);
    EXPECT_EQ(record().desired, before.desired);
    EXPECT_EQ(record().rolled_back, std::nullopt);
}

TEST_F(ReturnTest, RollbackRefusesADamagedDriver) {
    activate();
    host_.root_dir.write("opt/nvidia/550.1.1/4081.2.1/extra", "x");
    EXPECT_EQ(thrown_by([&] { rollback(); }), Errc::digest_mismatch);
    EXPECT_EQ(current(), kNew);
}

TEST_F(ReturnTest, RollbackNamesWhatIsInstalledWhenItDoesNotKnowTheGeneration) {
    try {
        rollback("550.1.2");
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::usage);
        EXPECT_THAT(error.what(), HasSubstr(kOld));
    }
    install_small_driver(host_.root_dir.root(), small_manifest("570.1.1", "4152.0.0", "6.6.0-2-test"));
    EXPECT_EQ(thrown_by([&] { rollback("570.1.1/4152.0.0"); }), Errc::no_artifact);
}

TEST_F(ReturnTest, WithoutAnEarlierDriverThereIsNothingToRollBackTo) {
    FakeHost host;
    KeptReport report;
    Services services = host.services();
    install_small_driver(host.root_dir.root(), small_manifest("550.1.1"));
    run_activate({}, services, report);
    EXPECT_EQ(thrown_by([&] { run_rollback({}, services, report); }), Errc::no_artifact);
}

}  // namespace
}  // namespace overdrive
