#pragma once

#include <optional>
#include <string>

#include "model/exit_code.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct StageOptions {
    Overrides overrides{};
    std::optional<std::string> os{};      ///< OS key to stage for; nullopt: the pending OS
    std::optional<std::string> kernel{};  ///< with `os`: the artifact must be for this kernel release
    bool dry_run = false;
    bool unit = false;    ///< called by nvidia-stage.service
    bool settle = false;  ///< with `unit`: called because a file changed; stay until nothing more changes
    bool watch = false;  ///< called by nvidia-stage-watch.service: start nvidia-stage.service when an update is pending
    bool allow_older = false;  ///< an artifact may be older than what was installed from its place before
};

/// Fetches the driver for an OS release before that runs, verified as by install. It is published and noted in the
/// record; what is in force and what is wanted stay as they are.
///
/// The driver is the one that is wanted now; where no source has it for that OS release and the configuration wishes a
/// branch that is not held, the newest of the branch.
/// @throws Error bad_os_release when what the pending OS needs cannot be told; no_artifact and all of install's
ExitCode run_stage(const StageOptions& options, Services& services, Report& report);

}  // namespace overdrive
