#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/os_release.hpp"
#include "support/root.hpp"

namespace overdrive {

/// os-release of the OS tree in `directory` (`/` is the running one); nullopt where there is none or it cannot be read.
[[nodiscard]] std::optional<OsRelease> os_release_in(const Root& root, const std::string& directory);

/// The kernel releases that have their modules and their image in `directory`/usr/lib/modules, in no order.
[[nodiscard]] std::vector<std::string> kernels_in(const Root& root, const std::string& directory);

/// The newest of some kernel releases; nullopt of none. @see compare_kernel_releases
[[nodiscard]] std::optional<std::string> newest_kernel(const std::vector<std::string>& releases);

/// `vmlinuz-6.1.0-25-amd64`, with directories in front or not -> `6.1.0-25-amd64`; nullopt for another name.
[[nodiscard]] std::optional<std::string> release_of_image(std::string_view path);

}  // namespace overdrive
