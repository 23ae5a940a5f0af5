#include "process/boost_process_runner.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "support/error.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {
namespace {

using namespace std::chrono_literals;

/// These tests start real programs; a shell is the program under observation, never the way it is started.
ProcessRequest shell(const std::string& script, std::chrono::milliseconds timeout = 20s) {
    return {{"/bin/sh", "-c", script}, {{"PATH", "/usr/bin:/bin"}}, timeout};
}

ProcessResult run(const ProcessRequest& request) { return BoostProcessRunner{}.run(request); }

bool is_gone(pid_t pid) {
    for (int tries = 0; tries < 200; ++tries) {
        // A killed orphan may stay a zombie where nobody reaps; then its /proc entry has no command line any more.
        if (::kill(pid, 0) != 0 && errno == ESRCH) return true;
        const UniqueFd line{
            ::openat(AT_FDCWD, fmt::format("/proc/{}/cmdline", pid).c_str(), O_RDONLY | O_CLOEXEC)};  // NOLINT
        char byte = 0;
        if (!line || ::read(line.get(), &byte, 1) == 0) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

TEST(BoostProcessRunnerTest, KeepsBothOutputsAndTheExitCode) {
    const ProcessResult result = run(shell("echo out; echo err >&2; exit 6"));
    EXPECT_EQ(result.exit_code, 6);
    EXPECT_FALSE(result.timed_out);
    EXPECT_EQ(result.output, "out\nerr\n");
}

TEST(BoostProcessRunnerTest, ReportsTheSignalThatEndedIt) {
    EXPECT_EQ(run(shell("kill -TERM $$")).exit_code, 128 + SIGTERM);
}

TEST(BoostProcessRunnerTest, PassesArgumentsAsTheyAre) {
    const ProcessResult result = run({{"/usr/bin/printf", "[%s]", "a b", "$HOME", "*", "\"q\""}, {}, 20s});
    EXPECT_EQ(result.output, "[a b][$HOME][*][\"q\"]");
}

TEST(BoostProcessRunnerTest, TheEnvironmentIsExactlyTheOneGiven) {
    const ProcessResult result = run({{"/usr/bin/env"}, {{"ONE", "1 =x"}, {"TWO", ""}}, 20s});
    EXPECT_EQ(result.output, "ONE=1 =x\nTWO=\n");
}

TEST(BoostProcessRunnerTest, StandardInputIsEmpty) { EXPECT_EQ(run(shell("cat; echo end")).output, "end\n"); }

TEST(BoostProcessRunnerTest, ReadsTheGivenInputToItsEnd) {
    std::string large(300'000, 'x');  // more than a pipe holds
    ProcessRequest request = shell("wc -c");
    request.input = large;
    EXPECT_EQ(run(request).output, "300000\n");
    request = shell("exit 3");  // one that does not read it
    request.input = large;
    EXPECT_EQ(run(request).exit_code, 3);
}

TEST(BoostProcessRunnerTest, ErrorsCanBeLeftOut) {
    ProcessRequest request = shell("echo out; echo err >&2");
    request.errors_apart = true;
    EXPECT_EQ(run(request).output, "out\n");
}

TEST(BoostProcessRunnerTest, NoOtherDescriptorReachesTheProgram) {
    const UniqueFd leak{
        ::openat(AT_FDCWD, "/dev/null", O_RDONLY)};  // NOLINT(android-cloexec-open): inheritable, the case
    ASSERT_TRUE(leak);
    const ProcessResult result = run(shell("ls /proc/$$/fd"));
    EXPECT_EQ(result.output, "0\n1\n2\n");
}

TEST(BoostProcessRunnerTest, KillsTheWholeGroupWhenTheTimeIsUp) {
    const auto start = std::chrono::steady_clock::now();
    const ProcessResult result = run(shell("sleep 300 & echo $!; wait", 300ms));
    EXPECT_TRUE(result.timed_out);
    EXPECT_EQ(result.exit_code, 128 + SIGKILL);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    ASSERT_FALSE(result.output.empty());
    EXPECT_TRUE(is_gone(std::stoi(result.output)));
}

TEST(BoostProcessRunnerTest, ADaemonThatKeepsThePipeOpenDoesNotHoldUs) {
    const auto start = std::chrono::steady_clock::now();
    const ProcessResult result = run(shell("sleep 30 & echo $!"));
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_FALSE(result.timed_out);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    const pid_t daemon = std::stoi(result.output);
    EXPECT_EQ(::kill(daemon, 0), 0) << "it was left running";
    static_cast<void>(::kill(daemon, SIGKILL));
}

TEST(BoostProcessRunnerTest, CapsTheOutputAndStillLetsTheProgramEnd) {
    const ProcessResult result = run(shell("yes | head -c 1000000; exit 3"));
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.output.size(), ProcessRequest{}.most_output);
}

TEST(BoostProcessRunnerTest, EndlessOutputDoesNotOutliveTheTimeLimit) {
    const ProcessResult result = run(shell("yes", 300ms));
    EXPECT_TRUE(result.timed_out);
    EXPECT_EQ(result.output.size(), ProcessRequest{}.most_output);
}

TEST(BoostProcessRunnerTest, NamesTheProgramThatCannotBeStarted) {
    try {
        static_cast<void>(run({{"/nonexistent/ldconfig"}, {}, 20s}));
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::io);
        EXPECT_STREQ(error.what(), "start '/nonexistent/ldconfig': No such file or directory");
    }
}

TEST(BoostProcessRunnerTest, RefusesAProgramThatWouldBeSearchedFor) {
    EXPECT_THROW(static_cast<void>(run({{"ldconfig"}, {}, 20s})), Error);
    EXPECT_THROW(static_cast<void>(run({{}, {}, 20s})), Error);
}

}  // namespace
}  // namespace overdrive
