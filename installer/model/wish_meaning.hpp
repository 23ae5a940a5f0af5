#pragma once

#include <string_view>

#include "model/driver_id.hpp"

namespace overdrive {

/// Which kind of modules a wish means.
enum class ModuleKind {
    either,      ///< a branch alone (`550`), or a channel
    open,        ///< `550-open`, `550.163.01-open`
    proprietary  ///< `550-proprietary`, `550.163.01`
};

[[nodiscard]] ModuleKind module_kind(const DriverWish& wish) noexcept;

/// Whether a wish is the name of a channel, or `newest`, which is the newest driver of all. `is_branch` is set as well:
/// what it means may move, and is said by a source's pair index.
[[nodiscard]] bool is_channel(const DriverWish& wish) noexcept;

/// Whether `text` can be a channel or `newest`: a lower-case letter, then up to 31 of a-z 0-9 and `-`.
[[nodiscard]] bool is_channel_word(std::string_view text) noexcept;

}  // namespace overdrive
