#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace overdrive {

struct ProcessRequest {
    std::vector<std::string> arguments;              ///< arguments[0] is an absolute path; never a shell line
    std::map<std::string, std::string> environment;  ///< the whole environment of the child
    std::chrono::milliseconds timeout{30'000};
    std::string input{};                   ///< what it reads from standard input, which then ends
    bool errors_apart = false;             ///< stderr is discarded, `output` is stdout alone
    std::size_t most_output = 64U << 10U;  ///< bytes of output that are kept
};

struct ProcessResult {
    int exit_code = 0;       ///< 128 + signal number when a signal ended it
    bool timed_out = false;  ///< it was killed after the time limit
    std::string output;      ///< stdout, and stderr in between, at most `most_output`, the rest discarded
};

/// Runs helper programs (ldconfig, nvidia-smi, credential helpers).
class ProcessRunner {
public:
    ProcessRunner() = default;
    ProcessRunner(const ProcessRunner&) = delete;
    ProcessRunner& operator=(const ProcessRunner&) = delete;
    virtual ~ProcessRunner() = default;

    /// Runs to the end or the time limit; no descriptor but 0, 1 and 2 reaches the child.
    /// @throws Error io when it cannot be started
    virtual ProcessResult run(const ProcessRequest& request) = 0;
};

}  // namespace overdrive
