#include "os/status_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recorded_programs.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

std::string failure_of(const ProcessResult& result) {
    RecordedPrograms programs;
    programs.answers["/usr/bin/bootc"] = result;
    try {
        static_cast<void>(status_of(programs, {"/usr/bin/bootc", "status", "--json"}));
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unsupported);
        return error.what();
    }
    return "none";
}

TEST(StatusProgram, AFailureNamesTheCommandAndHowItEnded) {
    EXPECT_EQ(failure_of({.output = "{}"}), "none");
    EXPECT_THAT(failure_of({.exit_code = 1, .output = "x\x1b"}),
                HasSubstr("'/usr/bin/bootc status --json' ended with 1: x\\x1b"));
    EXPECT_THAT(failure_of({.exit_code = 137, .timed_out = true, .output = {}}), HasSubstr("within a minute"));
}

TEST(StatusProgram, OutputWithoutEndIsRefused) {
    EXPECT_THAT(failure_of({.output = std::string(4U << 20U, ' ')}), HasSubstr("more than 4 MiB"));
}

}  // namespace
}  // namespace overdrive
