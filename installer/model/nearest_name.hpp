#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// The one of `names` that differs least from `name`, letters compared without case; empty when none is near.
[[nodiscard]] std::string nearest_name(std::string_view name, const std::vector<std::string>& names);

}  // namespace overdrive
