#include "model/finding.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::Field;

TEST(FindingTest, EveryCodeIsListedOnceAndSaysWhatToDo) {
    std::set<std::string_view> seen;
    for (const FindingCode& each : finding_codes()) {
        EXPECT_TRUE(seen.insert(each.code).second) << each.code << " stands twice";
        EXPECT_EQ(each.code.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string_view::npos)
            << each.code;
        EXPECT_TRUE(each.meaning.ends_with('.')) << each.code;
        EXPECT_FALSE(each.remedy.empty()) << each.code;
    }
}

TEST(FindingTest, WhatIsMoreBasicComesFirst) {
    std::vector<Finding> findings{
        {"not-active", "", "", ""}, {"no-local-pair", "", "", ""}, {"rival-bound", "", "", ""}};
    sort_by_importance(findings);
    EXPECT_THAT(findings, ElementsAre(Field(&Finding::code, "rival-bound"), Field(&Finding::code, "no-local-pair"),
                                      Field(&Finding::code, "not-active")));
}

TEST(FindingTest, AnUnlistedCodeIsADefect) {
    EXPECT_THROW(static_cast<void>(finding_code("no-such-code")), std::logic_error);
}

}  // namespace
}  // namespace overdrive
