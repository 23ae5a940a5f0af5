#pragma once

#include <optional>
#include <string>

#include "support/root.hpp"

namespace overdrive {

/// The kernel release that boots by default: of the kernels in /boot whose modules are in /lib/modules the one that
/// GRUB's menu chooses; without a menu the one that the `vmlinuz` link names; else the newest.
/// @return nullopt when no kernel is installed in /boot: the host gets it from somewhere else
/// @throws Error io when /boot or GRUB's files cannot be read
[[nodiscard]] std::optional<std::string> default_boot_kernel(const Root& root);

}  // namespace overdrive
