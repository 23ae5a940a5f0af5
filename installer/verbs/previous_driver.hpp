#pragma once

#include <functional>
#include <optional>

#include "store/record.hpp"

namespace overdrive {

/// The driver that was in force before, by the history: the last one that was activated, is not `from`, and `fits`.
[[nodiscard]] std::optional<Pair> previous_driver(const Record& record, const std::optional<Pair>& from,
                                                  const std::function<bool(const Pair&)>& fits);

}  // namespace overdrive
