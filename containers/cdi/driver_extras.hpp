#pragma once

#include <string>
#include <vector>

#include "cdi/driver_libraries.hpp"
#include "cdi/driver_tree.hpp"
#include "cdi/spec.hpp"

namespace overdrive {

/// What of a driver goes into containers besides its libraries. Whatever is not there is left out: which of it there is
/// depends on the driver's packages, and a compute-only tree has little of it.

/// Of the windows and Vulkan side: libraries that have a version of their own, and those that the X server loads.
[[nodiscard]] std::vector<CdiMount> graphics_libraries(const DriverTree& tree, const DriverLibraries& libraries);
/// Configuration for EGL, Vulkan, OpenCL and the X server. @param folders  where to look instead of the tree's own
/// places;
///   absolute paths on the host
[[nodiscard]] std::vector<CdiMount> graphics_configuration(const DriverTree& tree, const DriverTree& host,
                                                           const std::vector<std::string>& folders);
/// The links that graphics needs between the driver's libraries: `TARGET::LINK`.
[[nodiscard]] std::vector<std::string> graphics_links(const std::vector<CdiMount>& mounts, const std::string& version);
/// The libraries that glvnd and others bring as well, for images that have them not.
[[nodiscard]] std::vector<CdiMount> explicit_libraries(const DriverTree& tree, const DriverLibraries& libraries);
/// nvidia-smi and the other programs.
[[nodiscard]] std::vector<CdiMount> driver_programs(const DriverTree& tree);
/// GSP firmware. @param firmware_path  what the kernel's firmware_class.path says; empty = nothing
[[nodiscard]] std::vector<CdiMount> driver_firmware(const DriverTree& tree, const std::string& version,
                                                    const std::string& firmware_path,
                                                    const std::string& kernel_release);
/// Sockets of persistenced, fabric manager and MPS, looked for in the driver's tree, then on the host.
[[nodiscard]] std::vector<CdiMount> driver_sockets(const DriverTree& tree, const DriverTree& host);

}  // namespace overdrive
