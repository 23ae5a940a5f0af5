#pragma once

#include <optional>

#include "model/exit_code.hpp"
#include "model/pair.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct DeactivateOptions {
    bool boot = false;  ///< called by nvidia.service at shutdown: detaches the overlay only
};

/// Takes out of force what activate put in force, stopping the driver's daemons and nvidia.service first. Takes the
/// lock itself. @return what was current
/// @throws Error module_busy: the host is as before; not_restored when what had been stopped did not come back
std::optional<Pair> deactivate_driver(Services& services, Report& report);

/// Takes out of force what activate put in force; generations stay installed. While somebody uses the driver it
/// refuses, naming them, before anything is stopped.
/// @throws Error module_busy: the host is as before; not_restored when what had been stopped did not come back
ExitCode run_deactivate(const DeactivateOptions& options, Services& services, Report& report);

}  // namespace overdrive
