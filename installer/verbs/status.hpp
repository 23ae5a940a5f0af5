#pragma once

#include "model/exit_code.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct StatusOptions {
    Overrides overrides;
};

/// Tells in one screen what is wanted, installed and in force, and one word: ready, no-device or degraded.
/// @return ok also when degraded; the word is the answer
ExitCode run_status(const StatusOptions& options, Services& services, Report& report);

}  // namespace overdrive
