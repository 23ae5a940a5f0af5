#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

class ContainerRoot;

/// The text of musl's search path file with `folders` first, then what was there, each directory once, one a line.
///
/// musl has no cache: its loader searches the directories of /etc/ld-musl-<arch>.path in order, and the file, once
/// there, replaces the built-in path (/lib, /usr/local/lib, /usr/lib), which is therefore written out.
/// @param present  the file's text; nullptr when there is none
/// @see musl ldso/dynlink.c
[[nodiscard]] std::string musl_path_text(const std::string* present, const std::vector<std::string>& folders);

/// Whether the container's programs are linked to musl: its loader is there, or the container is Alpine.
[[nodiscard]] bool is_musl(const ContainerRoot& root);

/// Makes musl's loader find the libraries in `folders`; nothing in a container without musl.
void update_musl_path(const ContainerRoot& root, const std::vector<std::string>& folders);

}  // namespace overdrive
