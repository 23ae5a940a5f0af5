#pragma once

#include <string_view>

#include "cdi/driver_edits.hpp"

namespace overdrive {

/// The modes of generation that are about nodes alone, not about GPUs: gds, mofed, gdrcopy, nvswitch, imex.
[[nodiscard]] bool is_node_mode(std::string_view mode) noexcept;
/// The class of a mode's kind: `nvswitch`, `imex-channel`; `gpu` for the others.
[[nodiscard]] std::string_view class_of_mode(std::string_view mode) noexcept;

/// The devices of such a mode: `all`, or one for each IMEX channel.
/// @throws Error device_nodes: there is none of its nodes
[[nodiscard]] std::vector<CdiDevice> node_mode_devices(std::string_view mode, const CdiRoots& roots, bool with_groups);

/// The device `all` of management containers: every node of the driver, GPUs in MIG mode and capabilities too.
/// @throws Error device_nodes
[[nodiscard]] CdiDevice management_device(const CdiRoots& roots, const CdiHookMaker& hooks, bool with_groups);

}  // namespace overdrive
