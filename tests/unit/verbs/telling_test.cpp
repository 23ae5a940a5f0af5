#include "verbs/telling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/activate.hpp"
#include "verbs/deactivate.hpp"
#include "verbs/runtime_files.hpp"
#include "verbs/tell_hooks.hpp"
#include "verbs/tell_journal.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

/// A node with one driver; hooks run in a fake that keeps what they were given.
class TellingTest : public testing::Test {
protected:
    struct Hooks final : ProcessRunner {
        explicit Hooks(FakeHost& host) : host_{host} {}
        ProcessResult run(const ProcessRequest& request) override {
            const std::string& program = request.arguments.front();
            if (program.find("/hooks.d/") == std::string::npos)
                return {.exit_code = 0, .timed_out = false, .output = ""};
            ran.push_back(program.substr(program.rfind('/') + 1));
            requests.push_back(request);
            host_.clock.now += takes;
            if (while_running) while_running();
            return answer;
        }
        ProcessResult answer;
        std::chrono::milliseconds takes{0};
        std::function<void()> while_running;
        std::vector<std::string> ran;
        std::vector<ProcessRequest> requests;

    private:
        FakeHost& host_;
    };

    TellingTest() { install_small_driver(root(), small_manifest("550.1.1")); }

    [[nodiscard]] const Root& root() const { return host_.root_dir.root(); }

    Services services() {
        const Services host = host_.services();
        Services services{.root = host.root,
                          .program = host.program,
                          .modules = host.modules,
                          .exposure = host.exposure,
                          .nodes = host.nodes,
                          .holders = host.holders,
                          .guard = host.guard,
                          .processes = hooks_,
                          .units = host.units,
                          .clock = host.clock,
                          .progress = host.progress,
                          .read_facts = host.read_facts,
                          .open_source = host.open_source,
                          .unit_files = host.unit_files,
                          .enabled_units = host.enabled_units,
                          .sysusers_program = host.sysusers_program};
        services.log = [this](const LogEntry& entry) { log_.push_back(entry); };
        return services;
    }

    ExitCode activate(bool boot = false) {
        Services with = services();
        ActivateOptions options;
        options.boot = boot;
        return run_telling("activate", with, report_, [&] { return run_activate(options, with, report_); });
    }
    ExitCode deactivate() {
        Services with = services();
        return run_telling("deactivate", with, report_, [&] { return run_deactivate({}, with, report_); });
    }

    void add_hook(const std::string& name, mode_t mode = 0755) {
        host_.root_dir.write("etc/overdrive/hooks.d/" + name, "#!/bin/sh\n");
        ASSERT_EQ(::chmod((host_.root_dir.path() + "/etc/overdrive/hooks.d/" + name).c_str(), mode), 0);
    }

    [[nodiscard]] std::vector<LogEntry> logged(const std::string& message_id) const {
        std::vector<LogEntry> found;
        std::copy_if(log_.begin(), log_.end(), std::back_inserter(found),
                     [&](const LogEntry& entry) { return entry.message_id == message_id; });
        return found;
    }
    [[nodiscard]] std::string metrics() const { return root().read_file("metrics/overdrive.prom").value_or(""); }
    void configure(const std::string& text) { host_.root_dir.write("etc/overdrive/config.toml", text); }

    FakeHost host_;
    Hooks hooks_{host_};
    KeptReport report_;
    std::vector<LogEntry> log_;
};

TEST_F(TellingTest, ADriverThatCameIntoForceIsLoggedWithItsFields) {
    activate();
    ASSERT_THAT(logged(kStateMessageId), SizeIs(1));
    const LogEntry entry = logged(kStateMessageId).front();
    EXPECT_EQ(entry.message, "NVIDIA driver 550.1.1/4081.2.1: ready");
    EXPECT_EQ(entry.priority, 5);
    EXPECT_THAT(entry.fields, Contains(Pair("OVERDRIVE_STATE", "ready")));
    EXPECT_THAT(entry.fields, Contains(Pair("OVERDRIVE_DRIVER", "550.1.1")));
    EXPECT_THAT(entry.fields, Contains(Pair("OVERDRIVE_OS_KEY", "4081.2.1")));
    ASSERT_THAT(logged(kEventMessageId), SizeIs(1));
    EXPECT_THAT(logged(kEventMessageId).front().message, HasSubstr("activated 550.1.1/4081.2.1"));
}

TEST_F(TellingTest, WhatChangedNothingIsToldToNobodyAgain) {
    add_hook("label");
    activate();
    log_.clear();
    hooks_.ran.clear();
    activate();
    EXPECT_THAT(log_, IsEmpty());
    EXPECT_THAT(hooks_.ran, IsEmpty());
}

TEST_F(TellingTest, TheFirstStateOfABootIsAChange) {
    add_hook("label");
    activate();
    root().remove_tree("run/overdrive");
    hooks_.ran.clear();
    activate();
    EXPECT_THAT(hooks_.ran, ElementsAre("label"));
    EXPECT_EQ(hooks_.requests.back().environment.at("OVERDRIVE_PREVIOUS_STATE"), "");
}

TEST_F(TellingTest, AFailureIsLoggedOnceWithReasonAndRemedyAndRaised) {
    host_.modules.refused_versions = {"550.1.1"};
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::module_load);
    ASSERT_THAT(logged(kFailureMessageId), SizeIs(1));
    const LogEntry entry = logged(kFailureMessageId).front();
    EXPECT_EQ(entry.priority, 3);
    EXPECT_THAT(entry.fields, Contains(Pair("OVERDRIVE_REASON", "module-load")));
    EXPECT_THAT(entry.fields, Contains(Pair("OVERDRIVE_EXIT_CODE", "1")));
    EXPECT_THAT(logged(kEventMessageId), IsEmpty());
    ASSERT_THAT(logged(kStateMessageId), SizeIs(1));
    EXPECT_EQ(logged(kStateMessageId).front().priority, 4);
    EXPECT_THAT(logged(kStateMessageId).front().fields, Contains(Pair("OVERDRIVE_REASON", "module-load")));
}

TEST_F(TellingTest, AFailureAtBootIsToldThoughTheVerbEndsWell) {
    configure("[metrics]\ndirectory = \"/metrics\"\n");
    root().make_directories("metrics");
    host_.modules.refused_versions = {"550.1.1"};
    EXPECT_EQ(activate(true), ExitCode::ok);
    EXPECT_THAT(logged(kStateMessageId).front().fields, Contains(Pair("OVERDRIVE_REASON", "module-load")));
    EXPECT_THAT(metrics(), HasSubstr("overdrive_failures_total{verb=\"activate\",reason=\"module-load\"} 1\n"));
}

TEST_F(TellingTest, HooksGetTheStatusAndTheStateBeforeInTheOrderOfTheirNames) {
    add_hook("20-plugin");
    add_hook("10-label");
    activate();
    EXPECT_THAT(hooks_.ran, ElementsAre("10-label", "20-plugin"));
    EXPECT_EQ(nlohmann::json::parse(hooks_.requests[0].input)["state"], "ready");
    deactivate();
    EXPECT_THAT(hooks_.ran, SizeIs(4));
    const auto& environment = hooks_.requests.back().environment;
    EXPECT_EQ(environment.at("OVERDRIVE_STATE"), "degraded");
    EXPECT_EQ(environment.at("OVERDRIVE_USABLE"), "no");
    EXPECT_EQ(environment.at("OVERDRIVE_REASON"), "not-active");
    EXPECT_EQ(environment.at("OVERDRIVE_PREVIOUS_STATE"), "ready");
    EXPECT_EQ(environment.at("OVERDRIVE_PREVIOUS_DRIVER"), "550.1.1");
}

TEST_F(TellingTest, HooksRunWhenTheStateIsToldAndTheLockIsFree) {
    add_hook("look");
    bool ready = false;
    bool free = false;
    hooks_.while_running = [&] {
        ready = root().exists(kReadyFile);
        free = !Store{root()}.lock_holder();
    };
    activate();
    EXPECT_TRUE(ready);
    EXPECT_TRUE(free);
}

TEST_F(TellingTest, AHookThatRunsThisProgramIsNotToldTheSameChangeAgain) {
    add_hook("again");
    hooks_.while_running = [&] {
        ASSERT_THAT(hooks_.ran, SizeIs(1)) << "it would go on for ever";
        activate();
    };
    activate();
    EXPECT_THAT(hooks_.ran, SizeIs(1));
}

TEST_F(TellingTest, WhereItCannotBeKeptWhatHooksWereToldNoneIsRun) {
    add_hook("again");
    root().make_directories("run/overdrive/told.json");  // so that no file can be written there
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_THAT(hooks_.ran, IsEmpty()) << "it could run this program, and be run again by that";
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("the listeners could not be told what this run did")));
}

TEST_F(TellingTest, AFailingHookIsAWarningWithItsLastWordsAndFailsNothing) {
    add_hook("taint");
    hooks_.answer = {.exit_code = 3, .timed_out = false, .output = "first\nno such node\n"};
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_THAT(report_.warnings,
                Contains(HasSubstr("hook '/etc/overdrive/hooks.d/taint' ended with exit code 3: no such node")));
    ASSERT_THAT(logged(kHookMessageId), SizeIs(1));
    EXPECT_THAT(logged(kHookMessageId).front().message, HasSubstr("first\nno such node"));
    EXPECT_EQ(logged(kHookMessageId).front().priority, 4);
}

TEST_F(TellingTest, HooksHaveATimeLimitEachAndTogether) {
    configure("[hooks]\ntimeout = 10\n");
    for (const char* name : {"a", "b", "c", "d", "e"}) add_hook(name);
    hooks_.takes = std::chrono::seconds{8};
    activate();
    EXPECT_THAT(hooks_.ran, ElementsAre("a", "b", "c", "d"));
    EXPECT_EQ(hooks_.requests[0].timeout, std::chrono::seconds{10});
    EXPECT_EQ(hooks_.requests[3].timeout, std::chrono::seconds{6});
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("hooks.d/e' is not run: those before it took all the time")));
}

TEST_F(TellingTest, OnlyExecutablesOfRootWithPlainNamesAreHooks) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can make files that belong to root";
    configure("[containers]\ncdi = \"off\"\n");
    add_hook("good");
    add_hook("editor-backup~");
    add_hook("package.dpkg-new");
    add_hook(".hidden");
    add_hook("plain-text", 0644);
    add_hook("others-may-write", 0777);
    add_hook("of-somebody");
    ASSERT_EQ(::chown((host_.root_dir.path() + "/etc/overdrive/hooks.d/of-somebody").c_str(), 1000, 1000), 0);
    activate();
    EXPECT_THAT(hooks_.ran, ElementsAre("good"));
    EXPECT_THAT(report_.warnings, ElementsAre(HasSubstr("of-somebody' is not run: it does not belong to root"),
                                              HasSubstr("others-may-write' is not run: it can be written to by others"),
                                              HasSubstr("plain-text' is not run: it is not executable")));
}

TEST_F(TellingTest, NoHookIsRunFromADirectoryThatOthersMayWriteTo) {
    add_hook("planted");
    ASSERT_EQ(::chmod((host_.root_dir.path() + "/etc/overdrive/hooks.d").c_str(), 0777), 0);
    activate();
    EXPECT_THAT(hooks_.ran, IsEmpty());
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("no hook is run")));
}

TEST_F(TellingTest, MetricsTellTheStateAndCountOverRuns) {
    configure("[metrics]\ndirectory = \"/metrics\"\n");
    root().make_directories("metrics");
    activate();
    EXPECT_THAT(metrics(), HasSubstr("overdrive_state{state=\"ready\"} 1\n"));
    EXPECT_THAT(metrics(), HasSubstr("overdrive_state{state=\"degraded\"} 0\n"));
    EXPECT_THAT(metrics(), HasSubstr("overdrive_last_success_timestamp_seconds{verb=\"activate\"} 1800000000\n"));
    EXPECT_THAT(metrics(), HasSubstr("overdrive_info{driver=\"550.1.1\",os_key=\"4081.2.1\",kernel=\"6.1.0-1-test\""));
    deactivate();
    host_.modules.refused_versions = {"550.1.1"};
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(thrown_by([&] { activate(); }));
    EXPECT_THAT(metrics(), HasSubstr("overdrive_state{state=\"degraded\"} 1\n"));
    EXPECT_THAT(metrics(), HasSubstr("overdrive_degraded_info{reason=\"activation-failed\"} 1\n"));
    EXPECT_THAT(metrics(), HasSubstr("overdrive_failures_total{verb=\"activate\",reason=\"module-load\"} 2\n"));
    EXPECT_THAT(metrics(), HasSubstr("overdrive_last_success_timestamp_seconds{verb=\"activate\"} 1800000000\n"));
}

TEST_F(TellingTest, AMissingMetricsDirectoryIsAWarning) {
    configure("[metrics]\ndirectory = \"/metrics\"\n");
    add_hook("still-runs");
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("the metrics directory '/metrics' is not there")));
    EXPECT_THAT(hooks_.ran, ElementsAre("still-runs"));
}

TEST_F(TellingTest, TheOperatorsFilesComeAndGoWithTheDriver) {
    const std::string driver_ready = "run/nvidia/validations/driver-ready";
    activate();
    EXPECT_FALSE(root().exists(driver_ready)) << "nobody asked for it";
    deactivate();
    configure("operator-validations = true\n");
    activate();
    EXPECT_THAT(root().read_file(driver_ready).value_or(""), HasSubstr("NVIDIA_DRIVER_ROOT=/opt/nvidia/current\n"));
    EXPECT_TRUE(root().exists("run/nvidia/validations/.driver-ctr-ready"));
    deactivate();
    EXPECT_THAT(root().list("run/nvidia/validations"), IsEmpty());
}

TEST_F(TellingTest, TheOperatorsOwnFilesStayWhereNobodyAskedForOurs) {
    const std::string driver_ready = "run/nvidia/validations/driver-ready";
    host_.root_dir.write(driver_ready, "IS_HOST_DRIVER=true\nNVIDIA_DRIVER_ROOT=/\n");
    activate();
    deactivate();
    EXPECT_TRUE(root().exists(driver_ready));
    configure("operator-validations = true\n");
    activate();
    deactivate();
    EXPECT_FALSE(root().exists(driver_ready)) << "it would tell of a driver that is not there";
    activate();
    configure("");
    deactivate();
    EXPECT_FALSE(root().exists(driver_ready)) << "what we wrote is ours to remove";
}

TEST_F(TellingTest, InAContainerTheHostTells) {
    Services with = services();
    with.program.in_container = true;
    EXPECT_EQ(thrown_by([&] {
                  run_telling("install", with, report_, []() -> ExitCode { throw Error{Errc::untrusted, "no"}; });
              }),
              Errc::untrusted);
    EXPECT_THAT(log_, IsEmpty());
}

}  // namespace
}  // namespace overdrive
