#include "model/fabric_facts.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace overdrive {

namespace {

constexpr unsigned kSubnetManagerDisabled = 1U << 10U;

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

}  // namespace

std::optional<std::string> port_guid(std::string_view gid) {
    constexpr std::size_t kGroups = 8;
    constexpr std::size_t kDigits = 4;
    if (gid.size() != kGroups * kDigits + kGroups - 1 || !gid.starts_with("fe80:")) return std::nullopt;
    std::string guid = "0x";
    for (std::size_t group = 0; group < kGroups; ++group) {
        const std::size_t begin = group * (kDigits + 1);
        const std::string_view digits = gid.substr(begin, kDigits);
        const bool ends = group + 1 == kGroups || gid[begin + kDigits] == ':';
        if (!is_hex(digits) || !ends) return std::nullopt;
        if (group >= kGroups / 2) guid += digits;
    }
    return guid;
}

bool allows_subnet_manager(std::string_view cap_mask) {
    if (cap_mask.starts_with("0x")) cap_mask.remove_prefix(2);
    unsigned mask = 0;
    const auto [end, error] = std::from_chars(cap_mask.data(), cap_mask.data() + cap_mask.size(), mask, 16);
    if (error != std::errc{} || end != cap_mask.data() + cap_mask.size()) return false;
    return (mask & kSubnetManagerDisabled) == 0;
}

bool names_nodes(std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::size_t first = text.substr(0, end).find_first_not_of(" \t\r");
        if (first != std::string_view::npos && text[first] != '#') return true;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return false;
}

}  // namespace overdrive
