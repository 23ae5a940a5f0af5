#include "verbs/gate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/pending_update.hpp"
#include "verbs/runtime_files.hpp"
#include "verbs/stage.hpp"

namespace overdrive {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

class GateTest : public testing::Test, protected HostWithPendingUpdate {
protected:
    GateTest() { host.clock.now += std::chrono::hours{1}; }

    ExitCode gate(const GateOptions& options = {}) {
        Services with_os = services();
        with_os.program.is_root = is_root;
        return run_gate(options, with_os, report);
    }
    std::string reason() {
        gate();
        return report.json["reason"];
    }

    bool is_root = true;
};

TEST_F(GateTest, SaysNoAndNamesTheMissingPairAndTheNearest) {
    EXPECT_EQ(gate(), ExitCode::answer_is_no);
    EXPECT_EQ(report.json["safe"], false);
    EXPECT_EQ(report.json["reason"], "missing");
    EXPECT_EQ(report.json["generation"], "900.1.0/4081.3.0");
    EXPECT_THAT(report.json["nearest"], ElementsAre("900.1.0/4081.2.1"));
    EXPECT_THAT(report.text, HasSubstr("not safe to reboot: 4081.3.0 (update_engine) is pending"));
}

TEST_F(GateTest, SaysYesOnceTheDriverIsStaged) {
    Services services_ = services();
    run_stage({}, services_, report);
    EXPECT_EQ(gate(), ExitCode::ok);
    EXPECT_EQ(report.json["reason"], "installed");
    EXPECT_EQ(report.json["generation"], next.path());
}

TEST_F(GateTest, ADriverOfTheSameBranchThatTheBootWouldUseIsEnough) {
    install_small_driver(host.root_dir.root(), small_manifest("900.0.9", kNextKey, kNextKernel));
    EXPECT_EQ(gate(), ExitCode::ok);
    EXPECT_EQ(report.json["generation"], "900.0.9/4081.3.0");
    store.remove_generation({DriverId::parse("900.0.9"), kNextKey});
    install_small_driver(host.root_dir.root(), small_manifest("550.1.1", kNextKey, kNextKernel));
    EXPECT_EQ(reason(), "missing") << "of another branch none is used";
}

TEST_F(GateTest, AKnownKernelDecidesNotTheKeyAlone) {
    install_next();
    pending = [] {
        PendingOs os = next_release();
        os.kernel_release = "6.1.0-3-test";
        return std::optional{os};
    };
    EXPECT_EQ(reason(), "missing");
}

TEST_F(GateTest, AnUpdateEngineThatForgotTheVersionLeavesTheStagedDriverCounting) {
    Services services_ = services();
    run_stage({}, services_, report);
    pending = [] { return std::optional{forgotten_release()}; };
    EXPECT_EQ(reason(), "installed");
    store.remove_generation(next);
    EXPECT_EQ(reason(), "not-known");
}

TEST_F(GateTest, TellsWhyTheLastStagingFailed) {
    artifacts.tags = {"4081.3.0-900.2.0"};
    Services services_ = services();
    EXPECT_THROW(run_stage({}, services_, report), Error);
    gate();
    EXPECT_THAT(report.text, HasSubstr("the last staging failed: there is no driver 900.1.0 for 4081.3.0"));
}

TEST_F(GateTest, WhoeverKnowsThePendingOsAndDoesNotAnswerIsANo) {
    pending = []() -> std::optional<PendingOs> { throw Error{Errc::unsupported, "'rpm-ostree' ended with 1"}; };
    EXPECT_EQ(gate(), ExitCode::answer_is_no);
    EXPECT_EQ(report.json["reason"], "not-known");
    EXPECT_THAT(report.text, HasSubstr("'rpm-ostree' ended with 1"));
}

TEST_F(GateTest, TheTimeLimitCountsFromTheFirstLookAndOutlivesTheProcess) {
    configure("driver = \"900.1.0\"\n", "[gate]\ntimeout = 600\n");
    EXPECT_EQ(reason(), "missing");
    host.clock.now += seconds{599};
    EXPECT_EQ(reason(), "missing");
    host.clock.now += seconds{1};
    EXPECT_EQ(gate(), ExitCode::ok);
    EXPECT_EQ(report.json["reason"], "timed-out");
    EXPECT_THAT(report.warnings.back(), HasSubstr("it was waited for 600 s"));
}

TEST_F(GateTest, AnotherPendingOsIsWaitedForAnew) {
    configure("driver = \"900.1.0\"\n", "[gate]\ntimeout = 600\n");
    gate();
    host.clock.now += seconds{600};
    pending = [] {
        PendingOs os = next_release();
        os.version = os.os_key = "4081.4.0";
        return std::optional{os};
    };
    EXPECT_EQ(reason(), "missing");
    pending = [] { return std::nullopt; };
    EXPECT_EQ(reason(), "no-pending-os");
    EXPECT_FALSE(host.root_dir.root().exists(kGateFile));
}

TEST_F(GateTest, ADamagedNoteBeginsTheTimeAnew) {
    configure("driver = \"900.1.0\"\n", "[gate]\ntimeout = 600\n");
    for (const char* note : {"", "{", "{\"pending\":1}", "{\"schema\":1,\"pending\":\"x\",\"since_s\":99999999}"}) {
        host.root_dir.write("run/overdrive/gate.json", note);
        EXPECT_EQ(reason(), "missing") << note;
        EXPECT_EQ(report.json["waited_s"], 0) << note;
    }
}

TEST_F(GateTest, TheOperatorsWordHoldsUntilTheBootOrForSoLong) {
    EXPECT_EQ(gate({.allow = true}), ExitCode::ok);
    EXPECT_EQ(reason(), "allowed");
    EXPECT_EQ(gate({.revoke = true}), ExitCode::ok);
    EXPECT_EQ(reason(), "missing");
    EXPECT_EQ(gate({.allow = true, .lasts = seconds{60}}), ExitCode::ok);
    host.clock.now += seconds{59};
    EXPECT_EQ(reason(), "allowed");
    host.clock.now += seconds{1};
    EXPECT_EQ(reason(), "missing");
    host.root_dir.write("run/overdrive/reboot-allowed", "");
    EXPECT_EQ(reason(), "allowed") << "touch is enough";
}

TEST_F(GateTest, AnswersWithoutRootAndThenWritesNothing) {
    is_root = false;
    const auto before = host.root_dir.tree();
    EXPECT_EQ(gate(), ExitCode::answer_is_no);
    EXPECT_EQ(host.root_dir.tree(), before);
    EXPECT_EQ(thrown_by([&] { gate({.allow = true}); }), Errc::not_root);
    EXPECT_EQ(thrown_by([&] { gate({.revoke = true}); }), Errc::not_root);
    EXPECT_EQ(thrown_by([&] { gate({.hold = true}); }), Errc::not_root);
}

TEST_F(GateTest, NobodyIsHeldWithoutAGpuOrADriver) {
    host.facts.gpus.clear();
    EXPECT_EQ(reason(), "no-device");
}

/// Says on the timeline when a hold begins and ends.
class ToldHold final : public RebootHold {
public:
    explicit ToldHold(Timeline& timeline) : timeline_{timeline} { timeline_.emplace_back("hold"); }
    ToldHold(const ToldHold&) = delete;
    ToldHold& operator=(const ToldHold&) = delete;
    ~ToldHold() override { timeline_.emplace_back("let go"); }

private:
    Timeline& timeline_;
};

class HoldTest : public GateTest {
protected:
    ExitCode hold() {
        Services with_hold = services();
        with_hold.hold_reboot = [this](const std::string& why) {
            told = why;
            return std::make_unique<ToldHold>(host.timeline);
        };
        return run_gate({.hold = true}, with_hold, report);
    }
    std::string told;
};

TEST_F(HoldTest, HoldsRebootsUntilTheDriverIsThere) {
    int sleeps = 0;
    host.clock.on_sleep = [&] {
        EXPECT_THAT(host.timeline, ElementsAre("hold"));
        if (++sleeps == 20) install_next();
    };
    EXPECT_EQ(hold(), ExitCode::ok);
    EXPECT_THAT(host.timeline, ElementsAre("hold", "let go"));
    EXPECT_EQ(report.json["reason"], "installed");
    EXPECT_THAT(told, HasSubstr("900.1.0/4081.3.0"));
}

TEST_F(HoldTest, HoldsNothingThatIsSafe) {
    install_next();
    EXPECT_EQ(hold(), ExitCode::ok);
    configure("driver = \"900.1.0\"\n", "[gate]\nhold = false\n");
    store.remove_generation(next);
    EXPECT_EQ(hold(), ExitCode::ok);
    EXPECT_EQ(report.json["reason"], "missing");
    EXPECT_TRUE(host.timeline.empty());
}

TEST_F(HoldTest, EndsAtTheTimeLimit) {
    configure("driver = \"900.1.0\"\n", "[gate]\ntimeout = 600\n");
    const auto begin = host.clock.now;
    EXPECT_EQ(hold(), ExitCode::ok);
    EXPECT_EQ(report.json["reason"], "timed-out");
    EXPECT_THAT(host.timeline, ElementsAre("hold", "let go"));
    EXPECT_LT(host.clock.now - begin, seconds{606});
}

TEST_F(HoldTest, EndsWhenTheOsUpdateIsTakenBack) {
    int sleeps = 0;
    host.clock.on_sleep = [&] {
        if (++sleeps == 10) pending = [] { return std::nullopt; };
        ASSERT_LT(sleeps, 200);
    };
    EXPECT_EQ(hold(), ExitCode::ok);
    EXPECT_EQ(report.json["reason"], "no-pending-os");
}

}  // namespace
}  // namespace overdrive
