#include "model/device_holder.hpp"

#include <fmt/format.h>

namespace overdrive {

std::string to_text(const DeviceHolder& holder) {
    const std::string who = fmt::format("pid {} {}", holder.pid, holder.program);
    if (!holder.pod.empty()) return fmt::format("{} (pod {})", who, holder.pod);
    if (!holder.container.empty()) return fmt::format("{} ({})", who, holder.container);
    if (!holder.unit.empty()) return fmt::format("{} ({})", who, holder.unit);
    return who;
}

std::string to_text(const std::vector<DeviceHolder>& holders) {
    constexpr std::size_t kMost = 8;
    std::string text;
    for (std::size_t i = 0; i < holders.size() && i < kMost; ++i) {
        if (i > 0) text += ", ";
        text += to_text(holders[i]);
    }
    if (holders.size() > kMost) text += fmt::format(" and {} more", holders.size() - kMost);
    return text;
}

}  // namespace overdrive
