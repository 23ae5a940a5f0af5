#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cdi/driver_tree.hpp"
#include "cdi/hooks.hpp"
#include "cdi/spec.hpp"

namespace overdrive {

/// The driver's libraries in a tree. Paths are inside it.
struct DriverLibraries {
    std::string version;                   ///< of the driver, as its libraries' names end
    std::vector<std::string> directories;  ///< that hold libraries of this version, links followed
    std::vector<std::string> files;        ///< the libraries, links followed
};

/// Finds the driver's libraries: `*.so.<version>` in the directories where distributions put them, in those that the
/// tree's ld.so.cache names, and in `vdpau` below each.
/// @param version  of the loaded driver; nullopt: whatever libcuda's name says
/// @throws Error incomplete_artifact: there is no libcuda and no libnvidia-ml, or of another version than `version`
/// @see container toolkit 1.20: pkg/nvcdi/driver-nvml.go, internal/lookup/root
[[nodiscard]] DriverLibraries find_driver_libraries(const DriverTree& tree, const std::optional<std::string>& version);

/// @throws Error incomplete_artifact: libcuda or libnvidia-ml is missing and not among `not_needed`: containers could
///   not compute with what is there
void require_libraries(const DriverLibraries& libraries, const DriverTree& tree,
                       const std::vector<std::string>& not_needed);

/// The first path inside `directories` that is there; nullopt when none is.
[[nodiscard]] std::optional<std::string> find_library(const DriverTree& tree,
                                                      const std::vector<std::string>& directories,
                                                      const std::string& pattern);

/// How everything of the driver but sockets is mounted.
[[nodiscard]] const std::vector<std::string>& driver_mount_options();

/// Read-only mounts of `files` at their places inside the tree.
[[nodiscard]] std::vector<CdiMount> library_mounts(const DriverTree& tree, const std::vector<std::string>& files);

/// What beside each mounted library decides which links a container needs.
[[nodiscard]] std::vector<MountedLibrary> look_beside(const DriverTree& tree, const std::vector<CdiMount>& mounts);

}  // namespace overdrive
