#pragma once

#include <optional>
#include <string>
#include <vector>

#include "devices/driver_proc.hpp"
#include "ports/device_nodes.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Device nodes in the host's /dev, from what the loaded driver says in its /proc.
///
/// A node is made under a temporary name with its exact mode, whatever the umask, and renamed: nobody sees a half-made
/// one, and two runs at once do not disturb each other.
class HostDeviceNodes final : public DeviceNodes {
public:
    explicit HostDeviceNodes(const Root& root) : root_{root}, proc_{root} {}

    std::vector<std::string> ensure(const std::vector<DeviceNodeSpec>& specs) override;
    [[nodiscard]] std::vector<std::string> missing(const std::vector<DeviceNodeSpec>& specs) override;
    std::vector<std::string> remove(const std::vector<DeviceNodeSpec>& specs) override;
    void take_back(const std::vector<std::string>& paths) override;

private:
    [[nodiscard]] bool node_is_right(const WantedNode& node) const;
    [[nodiscard]] bool link_is_right(const WantedNode& node) const;
    void make_node(const WantedNode& node) const;
    void remove_node(const std::string& name, std::vector<std::string>& removed) const;

    const Root& root_;
    DriverProc proc_;
};

}  // namespace overdrive
