#pragma once

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Tells what happened to this host's driver, newest last. A damaged record is a warning: it has no history.
ExitCode run_history(Services& services, Report& report);

}  // namespace overdrive
