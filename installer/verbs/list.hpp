#pragma once

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct ListOptions {};

/// Lists the installed generations, newest driver first; marks `current` and those that fit the running kernel.
ExitCode run_list(const ListOptions& options, Services& services, Report& report);

}  // namespace overdrive
