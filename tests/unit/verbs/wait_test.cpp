#include "verbs/wait.hpp"

#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/activate.hpp"

namespace overdrive {
namespace {

class WaitTest : public testing::Test {
protected:
    ExitCode wait(const std::string& target = "driver") {
        Services services = host_.services();
        return run_wait({.target = target, .timeout = std::chrono::seconds{120}}, services, report_);
    }
    std::chrono::seconds waited() const {
        return std::chrono::duration_cast<std::chrono::seconds>(host_.clock.now.time_since_epoch());
    }

    void SetUp() override { host_.root_dir.write("etc/overdrive/config.toml", "sources = [\"oci:/bundle\"]\n"); }

    FakeHost host_;
    KeptReport report_;
};

TEST_F(WaitTest, WithoutASourceNothingCanComeAndNothingIsWaitedFor) {
    host_.root_dir.write("etc/overdrive/config.toml", "");
    EXPECT_EQ(wait(), ExitCode::ok);
    EXPECT_EQ(waited().count(), 0);
}

TEST_F(WaitTest, WithoutAGpuNothingIsWaitedFor) {
    host_.facts.gpus.clear();
    EXPECT_EQ(wait(), ExitCode::ok);
    EXPECT_EQ(waited().count(), 0);
}

TEST_F(WaitTest, WithoutALocalPairItWaitsUntilTheTimeIsUp) {
    EXPECT_EQ(wait(), ExitCode::answer_is_no);
    EXPECT_EQ(waited().count(), 120);
}

TEST_F(WaitTest, ItReturnsAsSoonAsTheFetchedDriverIsInForce) {
    int looks = 0;
    host_.clock.on_sleep = [&] {
        if (++looks == 4) install_small_driver(host_.root_dir.root(), small_manifest("550.1.1"));
        if (looks == 8) {
            Services services = host_.services();
            run_activate({}, services, report_);
        }
    };
    EXPECT_EQ(wait(), ExitCode::ok);
    EXPECT_EQ(looks, 8);
}

TEST_F(WaitTest, ADriverThatIsThereButFailedIsNotWaitedFor) {
    install_small_driver(host_.root_dir.root(), small_manifest("550.1.1"));
    host_.failure.fail_at = 1;
    Services services = host_.services();
    ActivateOptions at_boot;
    at_boot.boot = true;
    run_activate(at_boot, services, report_);
    EXPECT_EQ(wait(), ExitCode::ok);
    EXPECT_EQ(waited().count(), 0);
    EXPECT_EQ(wait("ready"), ExitCode::answer_is_no);
}

}  // namespace
}  // namespace overdrive
