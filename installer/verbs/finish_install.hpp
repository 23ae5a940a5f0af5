#pragma once

#include <functional>
#include <optional>
#include <string>

#include "store/store.hpp"
#include "verbs/install.hpp"

namespace overdrive {

/// What an install did before its driver is put in force.
struct Installed {
    Pair pair;
    bool fetched = false;  ///< false: it was installed already
    std::uint64_t bytes_downloaded = 0;
    bool reused_user_space = false;
    std::string reference;
    std::optional<std::string> signed_by;
};

/// Refuses an artifact that is not for this host. @throws Error incomplete_artifact naming what differs
void require_fit(const DriverManifest& manifest, const HostFacts& facts, const std::string& os_key);

/// Notes the pair as the wanted one. The rename of the record is the commit point of an install.
void record_installed(Store& store, const Config& config, const Pair& pair);

/// What follows the commit point: the program, the units, the activation, nvidia.service. Each is idempotent.
/// @param bring_program brings a newer program when the driver is in force; may be empty
/// @param lock given up before systemd is asked to start what takes it
ExitCode finish_install(const InstallOptions& options, Services& services, Store& store, const Config& config,
                        const Installed& installed, const std::function<bool()>& bring_program, Lock lock,
                        Report& report);

}  // namespace overdrive
