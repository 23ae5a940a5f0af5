#pragma once

#include "ports/process_runner.hpp"

namespace overdrive {

/// Runs helper programs with Boost.Process: argument vectors, the given input or none, every other descriptor
/// closed, one process group that dies as a whole when the time is up.
///
/// A program that leaves a daemon behind does not hold us: once it has ended itself, only what is already in the pipe
/// is read.
class BoostProcessRunner final : public ProcessRunner {
public:
    ProcessResult run(const ProcessRequest& request) override;
};

}  // namespace overdrive
