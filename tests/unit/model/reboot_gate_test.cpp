#include "model/reboot_gate.hpp"

#include <gtest/gtest.h>

namespace overdrive {
namespace {

using std::chrono::seconds;

/// An OS update is pending and its driver is not there.
GateFacts missing() {
    return {.gpu_present = true, .driver_expected = true, .os_pending = true, .timeout = seconds{100}};
}

TEST(RebootGate, SaysNoWhileTheDriverOfThePendingOsIsMissing) {
    EXPECT_EQ(judge_gate(missing()), GateAnswer::missing);
    EXPECT_FALSE(is_safe(GateAnswer::missing));
    GateFacts there = missing();
    there.installed = true;
    EXPECT_EQ(judge_gate(there), GateAnswer::installed);
}

TEST(RebootGate, HoldsNobodyWithoutAReason) {
    GateFacts facts = missing();
    facts.os_pending = false;
    EXPECT_EQ(judge_gate(facts), GateAnswer::no_pending_os);
    facts = missing();
    facts.gpu_present = false;
    EXPECT_EQ(judge_gate(facts), GateAnswer::no_device);
    facts = missing();
    facts.driver_expected = false;
    EXPECT_EQ(judge_gate(facts), GateAnswer::not_wanted);
}

TEST(RebootGate, EndsAtTheTimeLimitAndAtTheOperatorsWord) {
    GateFacts facts = missing();
    facts.waited = seconds{99};
    EXPECT_EQ(judge_gate(facts), GateAnswer::missing);
    facts.waited = seconds{100};
    EXPECT_EQ(judge_gate(facts), GateAnswer::timed_out);
    facts.allowed = true;
    EXPECT_EQ(judge_gate(facts), GateAnswer::allowed);
    for (const GateAnswer answer : {GateAnswer::timed_out, GateAnswer::allowed}) EXPECT_TRUE(is_safe(answer));
}

TEST(RebootGate, WhatCannotBeToldIsNotSafeButLimitedToo) {
    GateFacts facts = missing();
    facts.os_key_known = false;
    EXPECT_EQ(judge_gate(facts), GateAnswer::not_known);
    facts = missing();
    facts.pending_known = false;
    facts.os_pending = false;
    EXPECT_EQ(judge_gate(facts), GateAnswer::not_known);
    EXPECT_FALSE(is_safe(GateAnswer::not_known));
    facts.waited = facts.timeout;
    EXPECT_EQ(judge_gate(facts), GateAnswer::timed_out);
}

}  // namespace
}  // namespace overdrive
