#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cdi/spec.hpp"

namespace overdrive {

/// A device node of the host.
struct HostNode {
    char type = 'c';  ///< b, c or p
    unsigned major_number = 0;
    unsigned minor_number = 0;
    unsigned mode = 0;  ///< permission bits
};

/// What is at a path of the host; nullopt when there is no device node.
using FindHostNode = std::function<std::optional<HostNode>(const std::string& path)>;

/// Makes `edits` in an OCI runtime configuration, member for member as the engines' library does it; members that it
/// does not know stay. What a node leaves out (type, number, mode) comes from the host's.
/// @param config  the configuration; an empty object is one too
/// @throws Error bad_manifest: the edits are invalid, or the configuration has something of another type in a place
/// that
///   is to be edited; device_nodes: a node is not on the host. `config` is unchanged then.
/// @see pkg/cdi of container-device-interface 1.1.0; the OCI runtime specification
void apply_cdi_edits(nlohmann::ordered_json& config, const CdiEdits& edits, const FindHostNode& find_node);

}  // namespace overdrive
