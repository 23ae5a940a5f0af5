#include "verbs/sizes.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace overdrive {

std::string human_bytes(std::uint64_t bytes) {
    constexpr std::array<std::string_view, 4> kUnits{"kB", "MB", "GB", "TB"};
    if (bytes < 1000) return fmt::format("{} B", bytes);
    auto value = static_cast<double>(bytes) / 1000;
    std::size_t unit = 0;
    for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
    return fmt::format("{:.1f} {}", value, kUnits.at(unit));
}

}  // namespace overdrive
