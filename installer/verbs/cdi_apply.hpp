#pragma once

#include <string>
#include <vector>

#include "model/exit_code.hpp"
#include "verbs/cdi_look.hpp"

namespace overdrive {

struct CdiApplyOptions {
    std::string config{};                ///< an OCI runtime configuration
    std::vector<std::string> folders{};  ///< as in CdiListOptions
    std::vector<std::string> devices{};  ///< qualified names
    bool from_annotations = false;       ///< also the devices that the configuration's annotations ask for
};

/// Prints the configuration with the devices in it: what an engine would give to the runtime.
/// @throws Error usage: a name is not qualified; unsupported: a device cannot be resolved; bad_manifest: the
///   configuration is not one; device_nodes: a node is not on the host
ExitCode run_cdi_apply(const CdiApplyOptions& options, Services& services, Report& report);

struct CdiTransformOptions {
    CdiText spec{};
    std::string from{};
    std::string to{};
    bool in_container = false;  ///< the paths in containers, not those on the host
    bool json = false;
};

/// Prints a specification with its paths moved from one root to another.
/// @throws Error bad_manifest
ExitCode run_cdi_transform(const CdiTransformOptions& options, Services& services, Report& report);

}  // namespace overdrive
