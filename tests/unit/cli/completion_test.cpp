#include "cli/completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command_line.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> words(const std::vector<std::string>& typed) {
    Dispatch dispatch;
    const auto app = make_command_line(dispatch);
    std::vector<std::string> out;
    const InstalledNames installed{{"550.1.1", "550.1.1-open"}, {"550.1.1/4081.2.1", "550.1.1-open/4081.2.1"}};
    for (const Completion& candidate : complete(*app, typed, installed)) out.push_back(candidate.word);
    return out;
}

TEST(CompletionTest, BeginsWithTheVerbs) {
    EXPECT_THAT(words({"inst"}), ElementsAre("install"));
    EXPECT_THAT(words({""}), Contains("status"));
    EXPECT_THAT(words({"--json", "stat"}), ElementsAre("status"));
}

TEST(CompletionTest, HiddenVerbsAndOptionsStayHidden) {
    EXPECT_THAT(words({""}), Not(Contains("completion")));
    EXPECT_THAT(words({"--re"}), IsEmpty()) << "--relay is for the program itself";
    EXPECT_THAT(words({"install", "--stag"}), IsEmpty());
}

TEST(CompletionTest, OptionsAreThoseOfTheVerbAndOfTheProgram) {
    EXPECT_THAT(words({"install", "--no-a"}), ElementsAre("--no-activate"));
    EXPECT_THAT(words({"install", "--js"}), ElementsAre("--json"));
    EXPECT_THAT(words({"status", "--no-a"}), IsEmpty());
}

TEST(CompletionTest, ValuesFollowTheirOption) {
    EXPECT_THAT(words({"wait", "--for", ""}), ElementsAre("driver", "ready"));
    EXPECT_THAT(words({"wait", "--for=re"}), ElementsAre("ready"));
    EXPECT_THAT(words({"wait", "--for", "=", "re"}), ElementsAre("ready")) << "bash breaks words at =";
    EXPECT_THAT(words({"wait", "--for", "="}), ElementsAre("driver", "ready"));
    EXPECT_THAT(words({"install", "--key", ""}), ElementsAre(kAnyFile));
    EXPECT_THAT(words({"--root", ""}), ElementsAre(kAnyDirectory));
    EXPECT_THAT(words({"wait", "--timeout", ""}), IsEmpty());
}

TEST(CompletionTest, WhatIsInstalledIsOffered) {
    EXPECT_THAT(words({"activate", "550"}), ElementsAre("550.1.1", "550.1.1-open"));
    EXPECT_THAT(words({"rollback", "--to", "550.1.1-"}), ElementsAre("550.1.1-open/4081.2.1"));
    EXPECT_THAT(words({"verify", "55"}), ElementsAre("550.1.1/4081.2.1", "550.1.1-open/4081.2.1"));
}

TEST(CompletionTest, NonsenseHasNoWayOn) {
    EXPECT_THAT(words({"nonsense", "--x"}), IsEmpty());
    EXPECT_THAT(words({"=", "="}), Not(Contains("nonsense")));
    EXPECT_FALSE(words({}).empty());
}

TEST(ManualTest, NamesEveryVerbAndOptionThatHelpNames) {
    Dispatch dispatch;
    const auto app = make_command_line(dispatch);
    const std::string manual = manual_of_verbs(*app);
    EXPECT_THAT(manual, HasSubstr(".SS \\fBinstall\\fR"));
    EXPECT_THAT(manual, HasSubstr("\\fB\\-\\-no\\-activate\\fR"));
    EXPECT_THAT(manual, HasSubstr("\\fB\\-\\-for\\fR \\fIdriver|ready\\fR"));
    EXPECT_THAT(manual, Not(HasSubstr("relay")));
    EXPECT_THAT(manual, Not(HasSubstr("\n'"))) << "would be a request";
}

}  // namespace
}  // namespace overdrive
