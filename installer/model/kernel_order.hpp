#pragma once

#include <compare>
#include <string_view>

namespace overdrive {

/// The order in which boot loaders and packagers sort kernel releases: numbers by value, a letter after the end, `~`
/// before it: `6.1.0-9` < `6.1.0-25`, `6.12-rc1~1` < `6.12-rc1`.
/// @see deb-version(7), sort(1) --version-sort; grub-mkconfig uses these
[[nodiscard]] std::weak_ordering compare_kernel_releases(std::string_view left, std::string_view right) noexcept;

}  // namespace overdrive
