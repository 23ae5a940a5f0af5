#pragma once

#include "model/busy_policy.hpp"
#include "model/exit_code.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct ActivateOptions {
    Overrides overrides;
    bool repair = false;  ///< only put back what is missing of what is in force
    bool boot = false;    ///< called by nvidia.service: local state only; a degraded node is reported, not failed
    bool dry_run = false;
    BusyRequest busy{};  ///< what to do about a loaded driver that somebody uses
};

/// Selects a generation for the running kernel and puts it in force: modules, `current`, libraries, nodes. Idempotent.
/// @return at_reboot when another driver version is loaded; no_artifact when nothing installed fits
ExitCode run_activate(const ActivateOptions& options, Services& services, Report& report);

}  // namespace overdrive
