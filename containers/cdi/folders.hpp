#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cdi/spec.hpp"
#include "support/root.hpp"

namespace overdrive {

/// A file in a folder of specifications.
struct CdiFile {
    std::string path;
    std::size_t folder = 0;       ///< which of the folders it lies in; a later one is stronger
    std::optional<CdiSpec> spec;  ///< nothing when it cannot be used
    std::vector<std::string> faults;
};

/// Two files of one folder that give the same device: engines then resolve it to nothing.
struct CdiConflict {
    std::string device;
    std::vector<std::string> paths;
};

/// All that engines find in folders of specifications. A broken file spoils nothing but itself.
struct CdiFolders {
    std::vector<CdiFile> files;  ///< in the order of the folders, then by name
    /// Which file gives a device, by its qualified name.
    std::map<std::string, std::size_t> devices;
    std::vector<CdiConflict> conflicts;

    [[nodiscard]] const CdiDevice& device(const std::string& name) const;
};

/// Where engines look when they are not told otherwise, the weaker one first.
inline constexpr std::string_view kCdiFolders[] = {"/etc/cdi", "/var/run/cdi"};

/// Reads the `.yaml` and `.json` files of `folders`, not of folders below them. A folder that is not there is empty;
/// one that cannot be read is a file with a fault.
/// @see SPEC.md of CDI, "Configuration"
[[nodiscard]] CdiFolders read_cdi_folders(const Root& root, const std::vector<std::string>& folders);

/// What a container that asks for `names` gets: each specification's own edits once, before those of its devices.
/// @throws Error unsupported: names the devices that cannot be resolved and why
[[nodiscard]] CdiEdits resolve_cdi_devices(const CdiFolders& found, const std::vector<std::string>& names);

}  // namespace overdrive
