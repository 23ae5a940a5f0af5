#pragma once

#include "verbs/install.hpp"

namespace overdrive {

/// The container's half: checks that the image fits the host, copies it verified into the host's staging and the
/// program beside it, and lets a transient unit on the host do the rest, relaying what it says. Without a bus it
/// publishes, records the pair as pending and tells the host command to run.
ExitCode install_from_image(const InstallOptions& options, Services& services, Config config, Report& report);

/// The host's half, run by the transient unit: publishes what was staged and puts it in force.
ExitCode install_staged(const InstallOptions& options, Services& services, Config config, Report& report);

}  // namespace overdrive
