#include "model/busy_policy.hpp"

#include <gtest/gtest.h>

namespace overdrive {
namespace {

using namespace std::chrono_literals;

BusyPolicy policy(WhenBusy when, bool now = false) {
    return {.when = when, .patience = 60s, .now = now, .may_wait = true};
}

TEST(BusyPolicyTest, DefersAtOnceUnlessToldToWait) {
    EXPECT_EQ(next_busy_step(policy(WhenBusy::defer), true, 0s), BusyStep::defer);
    EXPECT_EQ(next_busy_step(policy(WhenBusy::wait), true, 0s), BusyStep::wait);
    EXPECT_EQ(next_busy_step(policy(WhenBusy::stop), true, 59s), BusyStep::wait);
}

TEST(BusyPolicyTest, TheWaitIsLimitedAndThenItIsPutOff) {
    EXPECT_EQ(next_busy_step(policy(WhenBusy::wait), true, 60s), BusyStep::defer);
    EXPECT_EQ(next_busy_step(policy(WhenBusy::stop), true, 60s), BusyStep::defer);
}

TEST(BusyPolicyTest, NowWaitsAndThenRefuses) {
    EXPECT_EQ(next_busy_step(policy(WhenBusy::defer, true), true, 0s), BusyStep::wait);
    EXPECT_EQ(next_busy_step(policy(WhenBusy::defer, true), true, 60s), BusyStep::refuse);
}

TEST(BusyPolicyTest, WhatDoesNotEndByItselfIsNotWaitedFor) {
    EXPECT_EQ(next_busy_step(policy(WhenBusy::wait), false, 0s), BusyStep::defer);
    EXPECT_EQ(next_busy_step(policy(WhenBusy::defer, true), false, 0s), BusyStep::refuse);
}

TEST(BusyPolicyTest, AUnitsStartNeverWaits) {
    Config config;
    config.when_busy = WhenBusy::wait;
    EXPECT_EQ(next_busy_step(busy_policy(config, {}, true), true, 0s), BusyStep::defer);
    EXPECT_EQ(next_busy_step(busy_policy(config, {}, false), true, 0s), BusyStep::wait);
}

TEST(BusyPolicyTest, TheCommandLineWinsOverTheConfiguration) {
    Config config;
    config.when_busy = WhenBusy::stop;
    config.busy_wait = 5s;
    EXPECT_TRUE(busy_policy(config, {}, false).stops_monitors());
    EXPECT_FALSE(busy_policy(config, {.when_busy = WhenBusy::wait}, false).stops_monitors());
    EXPECT_TRUE(busy_policy({}, {.when_busy = {}, .now = true}, false).stops_monitors());
    EXPECT_EQ(busy_policy(config, {}, false).patience, 5s);
}

TEST(BusyPolicyTest, WordsAreReadAsTheyAreWritten) {
    for (const WhenBusy each : {WhenBusy::defer, WhenBusy::wait, WhenBusy::stop})
        EXPECT_EQ(parse_when_busy(to_string(each)), each);
    EXPECT_EQ(parse_when_busy("now"), std::nullopt);
}

}  // namespace
}  // namespace overdrive
