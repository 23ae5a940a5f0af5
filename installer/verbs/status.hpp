#pragma once

#include "model/exit_code.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct StatusOptions {
    Overrides overrides;
    bool watch = false;                ///< goes on until a signal comes, and tells again what has changed
    std::chrono::seconds interval{5};  ///< how often it looks at what nothing wakes it for
};

/// Tells in one screen what is wanted, installed and in force, and one word: ready, no-device or degraded.
/// Watching, it tells so at once and then again whenever something of it changes.
/// @return ok also when degraded; the word is the answer
ExitCode run_status(const StatusOptions& options, Services& services, Report& report);

}  // namespace overdrive
