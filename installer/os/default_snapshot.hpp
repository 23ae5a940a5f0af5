#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ports/process_runner.hpp"
#include "support/root.hpp"

namespace overdrive {

/// From `snapper --jsonout list`: the number of the default snapshot, unless it is the active one, which runs.
/// @throws Error unsupported when the text is not of that form
/// @see snapper(8), "list"
[[nodiscard]] std::optional<std::uint64_t> pending_in_snapper(std::string_view json);

/// Asks snapper. nullopt where there is no snapper.
/// @throws Error unsupported when it fails or answers what cannot be read
[[nodiscard]] std::optional<std::uint64_t> pending_snapshot(const Root& root, ProcessRunner& processes);

/// Where a snapshot's tree lies: `/.snapshots/12/snapshot`.
[[nodiscard]] std::string snapshot_tree(std::uint64_t number);

/// The kernel that the snapshot boots: what its /boot/vmlinuz names, else the newest in it; nullopt when it cannot be
/// read.
[[nodiscard]] std::optional<std::string> snapshot_kernel(const Root& root, const std::string& tree);

}  // namespace overdrive
