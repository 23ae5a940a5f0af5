#include "systemd/sdbus_unit_manager.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "fake_systemd.hpp"
#include "private_bus.hpp"
#include "support/error.hpp"
#include "support/root.hpp"

namespace overdrive {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// A host whose system bus carries a fake systemd.
class SdbusUnitManagerTest : public testing::Test {
protected:
    /// The message of the Error that `body` throws, with its remedy.
    template <typename Body>
    std::string failure_of(Body&& body) {
        try {
            body();
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::service_manager);
            return std::string{error.what()} + " | " + error.remedy();
        }
        ADD_FAILURE() << "nothing was thrown";
        return {};
    }

    TemporaryDirectory host_;
    Root root_{host_.path().string()};
    PrivateBus bus_{host_.path()};
    std::unique_ptr<FakeSystemd> systemd_ = std::make_unique<FakeSystemd>(bus_.address());
    SdbusUnitManager units_{root_};
};

TEST_F(SdbusUnitManagerTest, IsReachableThroughTheSocketBelowTheRoot) { EXPECT_TRUE(units_.reachable()); }

TEST(SdbusUnitManagerWithoutBusTest, AHostWithoutABusIsUnreachableAndSaysWhichSocketIsMissing) {
    const TemporaryDirectory host;
    const Root root{host.path().string()};
    SdbusUnitManager units{root};
    EXPECT_FALSE(units.reachable());
    try {
        units.daemon_reload();
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::service_manager);
        EXPECT_THAT(error.what(), HasSubstr("/run/dbus/system_bus_socket"));
        EXPECT_THAT(error.remedy(), Not(testing::IsEmpty()));
    }
}

TEST_F(SdbusUnitManagerTest, ABusWithoutSystemdIsUnreachable) {
    systemd_.reset();
    EXPECT_FALSE(units_.reachable());
}

TEST_F(SdbusUnitManagerTest, ASocketThatNobodyListensOnIsUnreachable) {
    bus_.stop();
    EXPECT_FALSE(units_.reachable());
}

TEST_F(SdbusUnitManagerTest, StartReturnsWhenTheJobIsDone) {
    systemd_->set("nvidia.service", {.job_time = 300ms});
    const auto begin = std::chrono::steady_clock::now();
    units_.start("nvidia.service", 10s);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 300ms);
    EXPECT_EQ(units_.active_state("nvidia.service"), "active");
    EXPECT_THAT(systemd_->calls(), Contains("StartUnit nvidia.service replace"));
}

TEST_F(SdbusUnitManagerTest, AJobThatEndsBeforeWeLookIsNotMissed) {
    systemd_->set("nvidia.service", {.job_time = 0ms});
    for (int times = 0; times < 20; ++times) units_.start("nvidia.service", 10s);
}

TEST_F(SdbusUnitManagerTest, AFailedStartNamesTheUnitItsExitStatusAndWhereToLook) {
    systemd_->set("nvidia.service", {.job_result = "failed", .result = "exit-code", .main_status = 3});
    EXPECT_THAT(failure_of([&] { units_.start("nvidia.service", 10s); }),
                AllOf(HasSubstr("nvidia.service"), HasSubstr("'failed'"), HasSubstr("exit-code"), HasSubstr("status 3"),
                      HasSubstr("journalctl")));
}

TEST_F(SdbusUnitManagerTest, AStartThatTakesTooLongIsLeftGoingOn) {
    systemd_->set("nvidia.service", {.job_time = 20s});
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(failure_of([&] { units_.start("nvidia.service", 300ms); }),
                AllOf(HasSubstr("nvidia.service"), HasSubstr("within 1 s")));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST_F(SdbusUnitManagerTest, AnUnknownUnitCannotBeStartedAndSystemdsWordsAreKept) {
    EXPECT_THAT(failure_of([&] { units_.start("nothing.service", 10s); }),
                HasSubstr("Unit nothing.service not found."));
}

TEST_F(SdbusUnitManagerTest, AnUnknownUnitIsStoppedAlready) {
    EXPECT_NO_THROW(units_.stop("nothing.service", 10s));
    EXPECT_EQ(units_.active_state("nothing.service"), std::nullopt);
}

TEST_F(SdbusUnitManagerTest, StopWaitsForTheJob) {
    systemd_->set("nvidia.service", {.active_state = "active", .job_time = 200ms});
    units_.stop("nvidia.service", 10s);
    EXPECT_EQ(units_.active_state("nvidia.service"), "inactive");
}

TEST_F(SdbusUnitManagerTest, AQueuedRestartIsNotWaitedFor) {
    systemd_->set("nvidia.service", {.job_time = 20s});
    const auto begin = std::chrono::steady_clock::now();
    units_.queue_restart("nvidia.service");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
    EXPECT_THAT(systemd_->calls(), Contains("RestartUnit nvidia.service replace"));
}

TEST_F(SdbusUnitManagerTest, QueuedStartsAndStopsAreNotWaitedForAndAnUnknownUnitIsStoppedAlready) {
    systemd_->set("nvidia.service", {.job_time = 20s});
    const auto begin = std::chrono::steady_clock::now();
    units_.queue_start("nvidia.service");
    units_.queue_stop("nvidia.service");
    units_.queue_stop("nothing.service");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
    EXPECT_THAT(systemd_->calls(),
                AllOf(Contains("StartUnit nvidia.service replace"), Contains("StopUnit nvidia.service replace")));
    EXPECT_THAT(failure_of([&] { units_.queue_start("nothing.service"); }), HasSubstr("nothing.service not found"));
}

TEST_F(SdbusUnitManagerTest, EnablingTwiceChangesNothingTheSecondTime) {
    EXPECT_TRUE(units_.enable({"nvidia.service", "nvidia-update.timer"}));
    EXPECT_FALSE(units_.enable({"nvidia.service", "nvidia-update.timer"}));
    units_.disable({"nvidia.service"});
    EXPECT_TRUE(units_.enable({"nvidia.service", "nvidia-update.timer"}));
    EXPECT_THAT(systemd_->calls(), Contains("EnableUnitFiles nvidia.service"));  // neither runtime nor force
}

TEST_F(SdbusUnitManagerTest, ARefusalKeepsSystemdsWordsAndSaysWhatToDo) {
    systemd_->fail("Reload", "org.freedesktop.DBus.Error.AccessDenied", "Permission denied");
    EXPECT_THAT(failure_of([&] { units_.daemon_reload(); }),
                AllOf(HasSubstr("reload"), HasSubstr("Permission denied"), HasSubstr("root")));
}

TEST_F(SdbusUnitManagerTest, ALostConnectionIsMadeAnew) {
    units_.daemon_reload();
    systemd_.reset();
    bus_.stop();
    EXPECT_FALSE(units_.reachable());
    std::filesystem::remove_all(host_.path() / "run");
    const PrivateBus second{host_.path()};
    const FakeSystemd again{second.address()};
    EXPECT_TRUE(units_.reachable());
}

/// Transient units.
class TransientUnitTest : public SdbusUnitManagerTest {
protected:
    UnitManager::TransientResult run() {
        return units_.run_transient(
            {"overdrive-install-1.service", "installs", {"/opt/overdrive/bin/overdrive", "--x y", "$HOME"}},
            [this] { ++looks_; });
    }

    int looks_ = 0;
};

TEST_F(TransientUnitTest, ReturnsTheExitCodeAndCallsBackSeveralTimesASecond) {
    systemd_->set_transient({.job_time = 1s});
    const auto result = run();
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.result, "success");
    EXPECT_GE(looks_, 3);
    EXPECT_THAT(systemd_->transient_arguments(),
                ElementsAre("/opt/overdrive/bin/overdrive", "--x y", "$$HOME"));  // systemd undoes it
    EXPECT_THAT(systemd_->calls(), Contains("StartTransientUnit overdrive-install-1.service fail"));
}

TEST_F(TransientUnitTest, OutlivesUsAndLeavesNothingBehind) {
    static_cast<void>(run());
    const auto properties = systemd_->transient_properties();
    EXPECT_EQ(properties.at("Type"), "oneshot");
    EXPECT_EQ(properties.at("AddRef"), "yes");                      // the exit status stays readable for us
    EXPECT_EQ(properties.at("CollectMode"), "inactive-or-failed");  // and nothing stays when we are gone
    EXPECT_THAT(systemd_->calls(), Contains("Unref overdrive-install-1.service"));
}

TEST_F(TransientUnitTest, AFailureOfTheProgramIsItsExitCode) {
    systemd_->set_transient({.job_result = "failed", .result = "exit-code", .main_status = 3});
    const auto result = run();
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.result, "exit-code");
}

TEST_F(TransientUnitTest, ASignalIsAnExitCodeAbove128) {
    systemd_->set_transient({.job_result = "failed", .result = "signal", .main_code = 2, .main_status = 9});
    EXPECT_EQ(run().exit_code, 137);
}

TEST_F(TransientUnitTest, AProgramThatSystemdCannotExecuteIsAnError) {
    systemd_->set_transient({.job_result = "failed", .result = "exit-code", .main_status = 203});
    EXPECT_THAT(failure_of([&] { run(); }), AllOf(HasSubstr("/opt/overdrive/bin/overdrive"), HasSubstr("203")));
}

TEST_F(TransientUnitTest, ACanceledUnitIsNoSuccess) {
    systemd_->set_transient({.job_result = "canceled"});
    EXPECT_THAT(failure_of([&] { run(); }), HasSubstr("canceled"));
}

TEST_F(TransientUnitTest, AUnitThatNeverRanIsNoSuccess) {
    systemd_->set_transient({.main_code = 0});
    EXPECT_THAT(failure_of([&] { run(); }), HasSubstr("before its program ran"));
}

TEST_F(TransientUnitTest, AnEndWhoseSignalWasLostIsNoticed) {
    systemd_->set_transient({.job_result = "failed", .job_signal = false, .result = "exit-code", .main_status = 6});
    EXPECT_EQ(run().exit_code, 6);
}

TEST_F(TransientUnitTest, ANameThatIsTakenIsAnError) {
    systemd_->fail("StartTransientUnit", "org.freedesktop.systemd1.UnitExists", "Unit exists already.");
    EXPECT_THAT(failure_of([&] { run(); }), HasSubstr("Unit exists already."));
}

TEST_F(TransientUnitTest, WhatTheCallerThrowsWhileWaitingLeavesAndTheUnitRunsOn) {
    systemd_->set_transient({.job_time = 20s});
    const auto wait = [&] {
        units_.run_transient({"overdrive-install-1.service", "installs", {"/x"}}, [] {
            throw Error{Errc::interrupted, "a signal"};
        });
    };
    EXPECT_THROW(wait(), Error);
    EXPECT_THAT(systemd_->calls(), Not(Contains(HasSubstr("StopUnit"))));
    EXPECT_TRUE(units_.reachable());
}

}  // namespace
}  // namespace overdrive
