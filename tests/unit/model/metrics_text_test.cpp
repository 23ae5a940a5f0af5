#include "model/metrics_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace overdrive {
namespace {

TEST(MetricsTextTest, IsThePrometheusTextFormat) {
    MetricsText text;
    text.begin("overdrive_state", "gauge", "The state.");
    text.add({{"state", "ready"}}, 1);
    text.add({{"state", "a \"quoted\\\nvalue"}, {"kernel", "6.1"}}, 0.25);
    text.begin("overdrive_pending", "gauge", "Pending.");
    text.add("", 1'800'000'000);
    EXPECT_EQ(text.text(),
              "# HELP overdrive_state The state.\n# TYPE overdrive_state gauge\n"
              "overdrive_state{state=\"ready\"} 1\n"
              "overdrive_state{state=\"a \\\"quoted\\\\\\nvalue\",kernel=\"6.1\"} 0.25\n"
              "# HELP overdrive_pending Pending.\n# TYPE overdrive_pending gauge\noverdrive_pending 1800000000\n");
}

TEST(MetricsTextTest, WhatWasWrittenIsReadBack) {
    MetricsText text;
    text.begin("runs_total", "counter", "Runs.");
    text.add({{"verb", "in\"stall"}}, 3);
    text.begin("runs_total_other", "counter", "Others.");
    text.add({{"verb", "install"}}, 4);
    EXPECT_THAT(read_metric(text.text(), "runs_total"), testing::ElementsAre(testing::Pair("verb=\"in\\\"stall\"", 3)));
}

TEST(MetricsTextTest, LinesThatAreNoSamplesArePassedOver) {
    for (const char* line :
         {"m{a=\"b\" 1", "m{} 1", "m{a} 1", "m{a=\"b} 1", "m{a=\"b\"} x", "m{a=\"b\"} 1 2", "m 1", "m{a=\"b\"} nan",
          "m{a=\"b\",} 1", "m{=\"b\"} 1", "m{a=\"b\"c=\"d\"} 1", "m{a=\"\\\"} 1", "m{", "m{a=\"b\"}", ""}) {
        EXPECT_THAT(read_metric(line, "m"), testing::IsEmpty()) << line;
    }
}

}  // namespace
}  // namespace overdrive
