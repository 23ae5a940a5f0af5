#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cdi/spec.hpp"

namespace overdrive {

/// Pure changes of a whole specification, each as the container toolkit 1.20 does it.

/// Removes from all edits what is there twice; the first of equal ones stays.
void deduplicate(CdiSpec& spec);
/// `deduplicate`, and removes from each device what the specification changes anyway. A device that would be left
/// without edits keeps its own: without any it would be invalid.
void simplify(CdiSpec& spec);
/// Sorts devices by name, nodes and mounts by the depth of their place in the container, then by that place.
void sort_spec(CdiSpec& spec);
void sort_nodes(std::vector<CdiDeviceNode>& nodes);
void sort_mounts(std::vector<CdiMount>& mounts);
/// A device that is all of `devices` together.
[[nodiscard]] CdiDevice merge_devices(const std::vector<CdiDevice>& devices, const std::string& name);
/// Adds the device `name` that is all others together, and simplifies; does nothing where that name is there already.
void add_merged_device(CdiSpec& spec, const std::string& name);

/// Which paths of a specification are meant.
enum class PathsOf { host, container };

/// `path` with `root` in front of it replaced by `target`; a path that is not below `root` stays.
[[nodiscard]] std::string move_root(std::string_view path, std::string_view root, std::string_view target);
/// Moves the paths of `whose` from `root` to `target`: nodes, mounts, hooks and their arguments (`TARGET::LINK` on both
/// sides). A hook's program is the host's, except that of startContainer; the arguments of createContainer and
/// startContainer are the container's.
void move_root(CdiSpec& spec, std::string_view root, std::string_view target, PathsOf whose);
/// For a program that sees the driver at `driver_root` and the nodes below `dev_root`, while whoever reads the
/// specification sees them at the targets. An empty `dev_root` is the driver's.
void move_driver_root(CdiSpec& spec, std::string_view driver_root, std::string_view target_driver_root,
                      std::string_view dev_root, std::string_view target_dev_root);

}  // namespace overdrive
