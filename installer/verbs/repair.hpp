#pragma once

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Puts back what is missing of the driver that this boot has put in force: libraries over what now lies below them,
/// nodes, modules. Chooses no other driver, stops and starts nothing, waits for no job of systemd: made to be run by
/// other units. Does nothing, in milliseconds and without the lock, where nothing is missing or nothing is in force.
/// @throws Error what cannot be repaired; busy when another run holds the lock for longer than kRepairPatience
ExitCode run_repair(Services& services, Report& report);

/// How long a repair waits for another run, which derives all of it anyway.
inline constexpr std::chrono::seconds kRepairPatience{10};

}  // namespace overdrive
