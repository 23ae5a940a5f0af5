#include "builder-images/artifact/size_text.hpp"

#include <fmt/format.h>

namespace overdrive {

std::string size_text(std::uint64_t bytes) {
    constexpr std::uint64_t kKibi = 1024;
    if (bytes < kKibi) return fmt::format("{} bytes", bytes);
    const auto kibibytes = static_cast<double>(bytes) / static_cast<double>(kKibi);
    return bytes < kKibi * kKibi ? fmt::format("{:.1f} KiB", kibibytes) : fmt::format("{:.1f} MiB", kibibytes / 1024.0);
}

}  // namespace overdrive
