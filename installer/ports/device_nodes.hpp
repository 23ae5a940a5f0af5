#pragma once

#include <string>
#include <vector>

#include "model/driver_manifest.hpp"

namespace overdrive {

/// The device nodes of the driver and their /dev/char links.
class DeviceNodes {
public:
    DeviceNodes() = default;
    DeviceNodes(const DeviceNodes&) = delete;
    DeviceNodes& operator=(const DeviceNodes&) = delete;
    virtual ~DeviceNodes() = default;

    /// Makes what is missing or wrong: the nodes of `specs`, `nvidia<N>` for every GPU in /proc/driver/nvidia/gpus, the
    /// capability nodes of /proc/driver/nvidia/capabilities, and /dev/char/<major>:<minor> for each.
    /// A spec whose device has no major (module not loaded) is skipped.
    /// @return the paths that were made or corrected; empty when all was there
    /// @throws Error device_nodes
    virtual std::vector<std::string> ensure(const std::vector<DeviceNodeSpec>& specs) = 0;
    /// What of `specs` and of the GPUs is missing now.
    [[nodiscard]] virtual std::vector<std::string> missing(const std::vector<DeviceNodeSpec>& specs) = 0;
    /// Removes the nodes and links that `ensure` makes. @return what was removed
    virtual std::vector<std::string> remove(const std::vector<DeviceNodeSpec>& specs) = 0;
    /// Takes back what `missing` named before `ensure` made it; what else is there stays.
    virtual void take_back(const std::vector<std::string>& paths) = 0;
};

}  // namespace overdrive
