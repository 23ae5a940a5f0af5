#pragma once

#include <optional>
#include <string>

#include "model/busy_policy.hpp"
#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct RollbackOptions {
    std::optional<std::string> to;  ///< a generation as `list` prints it, or a driver; default: the one before
    bool dry_run = false;
    BusyRequest busy{};  ///< what to do about a loaded driver that somebody uses
};

/// Returns to an earlier generation that fits this kernel, after every byte of it was checked, and puts it in force. It
/// stays wanted until the configuration wishes something else than it does now, or something is installed.
/// @return at_reboot when the loaded driver cannot be taken out now
ExitCode run_rollback(const RollbackOptions& options, Services& services, Report& report);

}  // namespace overdrive
