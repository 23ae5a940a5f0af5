#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/busy_policy.hpp"
#include "model/exit_code.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct InstallOptions {
    Overrides overrides;
    bool dry_run = false;
    BusyRequest busy{};        ///< what to do about a loaded driver that somebody uses
    bool no_activate = false;  ///< publish and record only
    bool no_units = false;     ///< leave systemd alone
    bool verify = false;       ///< hash the installed files too, and fetch them again when one differs
    bool unit = false;         ///< called by nvidia-update.service: restarts nvidia.service without waiting for it
    bool update = false;       ///< the verb is 'update'
    bool allow_older = false;  ///< an artifact may be older than what was installed from its place before
    [[nodiscard]] std::string_view verb() const noexcept { return update ? "update" : "install"; }
    std::optional<std::string> staged;  ///< on the host, for a container run: publish this staging directory
    /// With `staged`: who vouched for it, as the container found it.
    std::optional<std::string> vouched{};  ///< Vouching::Kind in words
    std::vector<std::string> signed_by{};
};

/// Brings the wanted driver for this kernel to the host and puts it in force.
///
/// In a container with the host at --root the artifact is the image itself and the change is made by a transient unit
/// on the host, so that the container may die at any time.
ExitCode run_install(const InstallOptions& options, Services& services, Report& report);

/// Like install, but does nothing when the wanted pair is installed already, or when the configuration holds.
ExitCode run_update(const InstallOptions& options, Services& services, Report& report);

}  // namespace overdrive
