#include "devices/process_maps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace overdrive {

namespace {

std::string_view without_zeros(std::string_view hex) {
    return hex.substr(std::min(hex.find_first_not_of('0'), hex.size()));
}

/// `/usr/lib64/libcuda.so.1 (deleted)` -> `libcuda.so.1`
std::string_view file_name(std::string_view path) {
    constexpr std::string_view kDeleted = " (deleted)";
    path.remove_prefix(std::min(path.find_first_not_of(' '), path.size()));
    if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
    return path.substr(path.rfind('/') + 1);
}

}  // namespace

std::optional<Mapping> parse_mapping(std::string_view line) {
    // 00400000-0040b000 r-xp 00000000 08:01 1234                 /usr/bin/cat
    std::array<std::string_view, 5> words;
    for (std::string_view& word : words) {
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        word = line.substr(0, line.find(' '));
        line.remove_prefix(word.size());
    }
    const auto& [range, permissions, offset, device, inode] = words;
    const std::size_t dash = range.find('-');
    if (dash == std::string_view::npos || inode.empty() || inode == "0") return std::nullopt;
    return Mapping{fmt::format("{}-{}", without_zeros(range.substr(0, dash)), without_zeros(range.substr(dash + 1))),
                   fmt::format("{} {}", device, inode), std::string{file_name(line)}};
}

}  // namespace overdrive
