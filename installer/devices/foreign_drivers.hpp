#pragma once

#include <string_view>
#include <vector>

#include "model/host_facts.hpp"
#include "model/preflight_facts.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Drivers that others installed on this host: modules in the host's own tree (from a package, DKMS or NVIDIA's
/// installer), the driver container of NVIDIA's operator, the installer of Container-Optimized OS, sources for DKMS
/// and, where there is dpkg, packages. rpm's database is not read: what it installed shows by its modules.
/// @param with_packages also what is only installed and has no module for this kernel; it takes some milliseconds
[[nodiscard]] std::vector<ForeignDriver> find_foreign_drivers(const Root& root, const HostFacts& facts,
                                                              bool with_packages);

/// A package that brings kernel modules of the driver, or makes them.
struct DriverPackage {
    std::string name;
    std::string version;
    friend bool operator==(const DriverPackage&, const DriverPackage&) = default;
};

/// Those in dpkg's status file that are installed. @see dpkg-query(1), deb-control(5)
[[nodiscard]] std::vector<DriverPackage> parse_driver_packages(std::string_view dpkg_status);

/// The paths of the driver's modules in a kernel's modules.dep: `updates/dkms/nvidia.ko.xz`.
[[nodiscard]] std::vector<std::string> driver_modules_in(std::string_view modules_dep);

}  // namespace overdrive
