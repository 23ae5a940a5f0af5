#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "support/root.hpp"

namespace overdrive {

/// Where a path of the host really is, as this process names it: all links resolved inside the root, the root's own
/// path in front. For system calls and libraries that take no descriptor; nullopt when there is no such path.
[[nodiscard]] std::optional<std::string> real_path(const Root& root, std::string_view path);

/// The inverse of the root's part in `real_path`: `/rootfs/usr/lib64` -> `/usr/lib64`; nullopt when outside the root.
[[nodiscard]] std::optional<std::string> path_in_root(const Root& root, std::string_view real);

}  // namespace overdrive
