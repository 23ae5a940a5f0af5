#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cdi/driver_tree.hpp"
#include "cdi/spec.hpp"

namespace overdrive {

/// Adds device nodes of one tree to edits.
class DeviceNodeFinder {
public:
    /// @param dev_root     the tree that has `/dev`
    /// @param with_groups  also add the groups that a process needs to open nodes that are not for everyone
    DeviceNodeFinder(const DriverTree& dev_root, bool with_groups) : tree_{dev_root}, with_groups_{with_groups} {}

    /// Adds the node at `path` (`/dev/nvidia0`) when it is a character device. @return whether it is
    bool add(const std::string& path, CdiEdits& edits) const;
    /// The nodes that match, sorted.
    void add_matches(const std::string& pattern, CdiEdits& edits) const;
    /// Whether the tree has a node of the driver at all.
    [[nodiscard]] bool has_driver_nodes() const;
    [[nodiscard]] const DriverTree& tree() const noexcept { return tree_; }

private:
    const DriverTree& tree_;
    bool with_groups_;
};

/// The groups that a container's process must be in to use the node: its group, when that is not root's and others may
/// not read and write.
[[nodiscard]] std::optional<std::uint32_t> group_needed_for(const CdiDeviceNode& node);

}  // namespace overdrive
