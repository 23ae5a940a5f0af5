#pragma once

#include <string>
#include <vector>

#include "model/driver_manifest.hpp"
#include "model/host_facts.hpp"
#include "model/os_profile.hpp"

namespace overdrive {

/// What `activate` makes visible on the host, and how. Pure: made from facts, printed by --dry-run.
struct ExposurePlan {
    ExposureMode mode = ExposureMode::overlay;
    std::string generation;             ///< host path, `/opt/nvidia/<driver>/<os>`
    std::string library_directory;      ///< the lower directory that holds the driver's libraries, `<generation>/lib64`
    std::string target = "/usr/lib64";  ///< where the overlay goes; its links are resolved by the adapter
    std::vector<std::string>
        libraries;                  ///< names that must be visible below `target` (overlay) or to the linker (links)
    std::string program_directory;  ///< `/opt/bin`
    std::vector<std::string> programs;  ///< linked there as links to `/opt/nvidia/current/bin/<name>`
};

/// Chooses the mode from the profile, the configuration's wish (`overlay`, `links` or empty = profile) and the mount
/// table.
[[nodiscard]] ExposureMode choose_mode(const OsProfile& profile, const HostFacts& facts, std::string_view wish);

/// Where the driver's programs and ours are linked: the profile's directory, or `/opt/bin`, which is not on everybody's
/// PATH, where that would be in a read-only /usr/local. A driver in force counts for more than its programs being
/// found.
[[nodiscard]] std::string choose_program_directory(const OsProfile& profile, const HostFacts& facts);

/// @param base_names names that the host's own library directory has; a driver library of the same name is a plan error
/// @throws Error exposure naming the colliding names
[[nodiscard]] ExposurePlan plan_exposure(const OsProfile& profile, const HostFacts& facts,
                                         const DriverManifest& manifest, std::string_view generation,
                                         std::string_view wish, const std::vector<std::string>& base_names);

}  // namespace overdrive
