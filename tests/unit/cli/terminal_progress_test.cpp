#include "cli/terminal_progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace overdrive {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string shown(bool is_terminal, bool quiet) {
    testing::internal::CaptureStderr();
    TerminalProgress progress{is_terminal, quiet};
    progress.begin("fetching modules", 4'000'000);
    progress.advance(1'000'000);
    std::this_thread::sleep_for(std::chrono::milliseconds{120});  // it draws ten times a second at most
    progress.advance(1'000'000);
    progress.advance(2'000'000);
    progress.end();
    return testing::internal::GetCapturedStderr();
}

TEST(TerminalProgress, ShowsBytesRateAndTimeLeftOnOneLineOfATerminal) {
    const std::string text = shown(true, false);
    EXPECT_THAT(text, HasSubstr("\r\033[Kfetching modules: 2.0 MB of 4.0 MB (50%), "));
    EXPECT_THAT(text, ContainsRegex("/s, [0-9]+ s left"));
    EXPECT_THAT(text, ContainsRegex("\033.Kfetching modules: 4.0 MB in [0-9.]+ s, [0-9.]+ [kKM]?B/s\n$"));
}

TEST(TerminalProgress, WritesPlainLinesElsewhere) {
    const std::string text = shown(false, false);
    EXPECT_THAT(text, Not(HasSubstr("\r")));
    EXPECT_THAT(text, Not(HasSubstr("\033")));
    EXPECT_THAT(text, ContainsRegex("^fetching modules .4.0 MB.\nfetching modules: 4.0 MB in "));
}

TEST(TerminalProgress, SaysNothingWhenQuiet) {
    EXPECT_THAT(shown(true, true), IsEmpty());
    EXPECT_THAT(shown(false, true), IsEmpty());
}

}  // namespace
}  // namespace overdrive
