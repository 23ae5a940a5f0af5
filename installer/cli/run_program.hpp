#pragma once

#include <functional>

#include "cli/dispatch.hpp"
#include "model/exit_code.hpp"
#include "support/root.hpp"
#include "verbs/report.hpp"

namespace overdrive {

/// Builds the adapters and runs the chosen verb with them.
using RunChosen = std::function<ExitCode(const Dispatch& dispatch, const Root& root, Report& report)>;

/// All of `main` but the adapters: reads the command line, finds the root, reports what fails.
/// @return the exit code of the process
[[nodiscard]] int run_program(int argc, char** argv, const RunChosen& run_chosen);

}  // namespace overdrive
