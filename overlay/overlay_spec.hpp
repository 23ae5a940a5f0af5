#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "overlay/mount_table.hpp"

namespace overdrive {

/// The read-only overlay of two lower directories: what the driver adds, over what the host has.
struct OverlaySpec {
    std::string added;   ///< the upper one of the two lower directories
    std::string base;    ///< the host's own directory
    std::string target;  ///< where the merged tree goes

    /// `lowerdir=<added>:<base>`. No upperdir and no workdir: that is what makes it read-only.
    /// @throws Error exposure when a path has characters that the option cannot carry
    [[nodiscard]] std::string options() const;
};

/// The most overlays on overlays that the kernel allows (FILESYSTEM_MAX_STACK_DEPTH).
inline constexpr unsigned kMostStackingDepth = 2;

/// How many overlays are stacked in the file system that holds `path`. A lower bound: layers of a mount that were made
/// under paths which no longer exist count as not stacked.
[[nodiscard]] unsigned stacking_depth(const MountTable& table, std::string_view path);

/// The paths of the layers in an overlay's options: lowerdir (`:` between, `::` before data-only ones, `lowerdir+=`,
/// `datadir+=`), upperdir; with the kernel's escapes undone.
[[nodiscard]] std::vector<std::string> layers_of(std::string_view super_options);

/// Refuses what the kernel would refuse with a bare "Invalid argument".
/// @throws Error exposure naming the directory whose stacking depth is used up
void check_stacking_depth(const MountTable& table, std::string_view added, std::string_view base);

}  // namespace overdrive
