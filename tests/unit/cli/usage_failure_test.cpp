#include "cli/usage_failure.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command_line.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

struct Told {
    int code = 0;
    std::string out;
    std::string err;
};

/// Parses a command line that is not one to run.
Told parse(std::vector<std::string> words) {
    Dispatch dispatch;
    const auto app = make_command_line(dispatch);
    Told told;
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    try {
        std::vector<std::string> reversed{words.rbegin(), words.rend()};  // as CLI11 wants a vector
        app->parse(reversed);
        ADD_FAILURE() << "accepted";
    } catch (const CLI::ParseError& outcome) {
        told.code = tell_parse_outcome(*app, outcome, words);
    }
    static_cast<void>(std::fflush(stdout));
    told.out = testing::internal::GetCapturedStdout();
    told.err = testing::internal::GetCapturedStderr();
    return told;
}

TEST(UsageFailure, NamesAnUnknownVerbAndTheVerbs) {
    const Told told = parse({"instal", "550"});
    EXPECT_EQ(told.code, 2);
    EXPECT_THAT(told.err, HasSubstr("'instal' is no verb; the verbs are: install, plan, update"));
    EXPECT_THAT(told.err, HasSubstr("'overdrive --help'"));
    EXPECT_THAT(told.out, IsEmpty());
}

TEST(UsageFailure, SaysThatAVerbIsMissing) {
    EXPECT_THAT(parse({}).err, HasSubstr("no verb was given"));
    EXPECT_THAT(parse({"--json"}).err, HasSubstr("no verb was given"));
}

TEST(UsageFailure, PointsToTheHelpOfTheVerb) {
    const Told told = parse({"install", "--sorce", "oci:x"});
    EXPECT_THAT(told.err, HasSubstr("overdrive: install: "));
    EXPECT_THAT(told.err, HasSubstr("--sorce"));
    EXPECT_THAT(told.err, HasSubstr("'overdrive install --help'"));
    EXPECT_THAT(told.err, HasSubstr("(reason usage, exit code 2)"));
}

TEST(UsageFailure, IsJsonWhereverTheFlagStands) {
    for (const auto& words : {std::vector<std::string>{"--json", "wait", "--timeout", "-1"},
                              std::vector<std::string>{"wait", "--timeout", "-1", "--json"}}) {
        const auto json = nlohmann::json::parse(parse(words).out);
        EXPECT_EQ(json["error"]["reason"], "usage");
        EXPECT_EQ(json["error"]["verb"], "wait");
        EXPECT_EQ(json["error"]["exit_code"], 2);
    }
}

TEST(UsageFailure, HelpAndVersionAreNone) {
    const Told help = parse({"install", "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("Run twice it changes"));
    EXPECT_THAT(help.err, IsEmpty());
    EXPECT_EQ(parse({"--version"}).code, 0);
}

}  // namespace
}  // namespace overdrive
