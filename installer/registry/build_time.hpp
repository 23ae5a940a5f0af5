#pragma once

#include <chrono>

namespace overdrive {

/// When this program was built, in seconds since the epoch: SOURCE_DATE_EPOCH, or the date of its commit. No clock that
/// is earlier can be right.
[[nodiscard]] std::chrono::seconds build_time() noexcept;

}  // namespace overdrive
