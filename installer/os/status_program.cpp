#include "os/status_program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support/error.hpp"
#include "support/visible_text.hpp"

namespace overdrive {

namespace {

/// rpm-ostree starts a daemon first, which reads all its deployments.
constexpr std::chrono::minutes kLimit{1};
constexpr std::size_t kMostOutput = 4U << 20U;
constexpr std::size_t kMostQuoted = 200;

[[noreturn]] void fail(const std::string& command, const std::string& why) {
    throw Error{Errc::unsupported, fmt::format("'{}' {}", command, why)}.with_remedy(
        "run it by hand to see what is wrong; 'overdrive stage --os KEY' needs no answer of it");
}

}  // namespace

std::string status_of(ProcessRunner& processes, const std::vector<std::string>& arguments) {
    const std::string command = fmt::format("{}", fmt::join(arguments, " "));
    ProcessResult result = processes.run({.arguments = arguments,
                                          .environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C"}},
                                          .timeout = kLimit,
                                          .input = {},
                                          .errors_apart = true,
                                          .most_output = kMostOutput});
    if (result.timed_out) fail(command, "did not end within a minute");
    if (result.exit_code != 0) {
        const std::string said = visible_text(result.output.substr(0, kMostQuoted));
        fail(command, fmt::format("ended with {}{}{}", result.exit_code, said.empty() ? "" : ": ", said));
    }
    if (result.output.size() >= kMostOutput) fail(command, "says more than 4 MiB");
    return std::move(result.output);
}

}  // namespace overdrive
