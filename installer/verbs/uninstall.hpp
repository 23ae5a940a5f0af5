#pragma once

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct UninstallOptions {
    bool dry_run = false;
};

/// Makes the host what it was before the first install: the driver out of force, our units disabled, every file,
/// directory and user that the record says we made removed, the generations, the state and the program gone. What was
/// edited since we wrote it stays and is named. Cut off, it goes on where it was the next time.
/// @throws Error module_busy while somebody uses the driver: nothing was touched
ExitCode run_uninstall(const UninstallOptions& options, Services& services, Report& report);

}  // namespace overdrive
