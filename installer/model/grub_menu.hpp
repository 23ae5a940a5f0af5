#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace overdrive {

/// The kernel file that GRUB boots next, without its directory: `vmlinuz-6.1.0-25-amd64`.
///
/// Follows what grub-mkconfig writes: the entry of the next boot only (`next_entry`), else `set default=`, which may
/// name `${saved_entry}`; an entry by number, title or id, `>` before one of a submenu. What names no entry is the
/// first one, as in GRUB.
/// @param config  grub.cfg
/// @param environment  grubenv; empty when there is none
/// @return nullopt when the menu has no entry with a kernel
/// @see info grub, "Simple configuration", "Environment block"
[[nodiscard]] std::optional<std::string> grub_default_kernel(std::string_view config, std::string_view environment);

}  // namespace overdrive
