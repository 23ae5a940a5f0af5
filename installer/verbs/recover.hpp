#pragma once

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Finishes or takes back what runs that were cut off left: the store first, as every run begins, then what is in
/// force. Nothing to do is a success.
ExitCode run_recover(Services& services, Report& report);

}  // namespace overdrive
