#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

class ContainerRoot;

inline constexpr std::string_view kLinkerConfig = "/etc/ld.so.conf";
inline constexpr std::string_view kLinkerConfigFolder = "/etc/ld.so.conf.d";

/// One configuration file of ldconfig.
struct LinkerConfigLines {
    std::vector<std::string> directories;
    std::vector<std::string> includes;  ///< patterns
};

/// Reads what ldconfig reads: `#` comments, `include PATTERN...`, `hwcap` lines are skipped, `=TYPE` after a directory
/// is dropped. @see ldconfig(8), glibc elf/ldconfig.c parse_conf
[[nodiscard]] LinkerConfigLines parse_linker_config(std::string_view text);

/// The directories that the container's configuration names, includes followed inside the container. A file that cannot
/// be read is passed over, as ldconfig does; at most 512 files are looked at.
[[nodiscard]] std::set<std::string> configured_directories(const ContainerRoot& root,
                                                           std::string_view file = kLinkerConfig);

/// Whether the container is laid out as Debian and its descendants are (libraries in multiarch directories).
[[nodiscard]] bool is_debian_like(const ContainerRoot& root);
/// The directories that the container's own ldconfig would search without being told: the host's may search others.
[[nodiscard]] std::vector<std::string> system_directories(bool debian_like);

/// Of `folders` those that neither the configuration nor the system's directories hold, each once.
[[nodiscard]] std::vector<std::string> folders_to_add(const ContainerRoot& root,
                                                      const std::vector<std::string>& folders, bool debian_like);

/// Makes the container's configuration name `folders`, before all but the CUDA compatibility libraries, and the
/// container's own system directories, after all others. An ld.so.conf of the image is left as it is; a missing one is
/// made.
/// @return the folders that the configuration still does not reach, because its ld.so.conf includes no ld.so.conf.d:
/// these
///         must be given to ldconfig
std::vector<std::string> configure_linker(const ContainerRoot& root, const std::vector<std::string>& folders);

/// Writes `PREFIX-<random>.conf` in ld.so.conf.d with these lines, world-readable; nothing when there are none.
void write_linker_drop_in(const ContainerRoot& root, std::string_view prefix,
                          const std::vector<std::string>& directories);

}  // namespace overdrive
