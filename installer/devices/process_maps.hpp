#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace overdrive {

/// A whole /proc/<pid>/maps is at most so long; a process with more mappings is not looked into.
inline constexpr std::size_t kMostMaps = 64U << 20U;

/// One line of /proc/<pid>/maps that maps a file.
struct Mapping {
    std::string range;  ///< as /proc/<pid>/map_files names it
    std::string file;   ///< device and inode of the file: what is mapped twice is looked at once
    std::string name;   ///< the last part of its path, as that process sees it
};

/// nullopt for a line that maps no file. @see proc(5), /proc/pid/maps
[[nodiscard]] std::optional<Mapping> parse_mapping(std::string_view line);

}  // namespace overdrive
