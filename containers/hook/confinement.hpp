#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/unique_fd.hpp"

namespace overdrive {

/// Where the file systems of type proc are, of the text of a mountinfo file, escapes undone.
/// @see proc(5), "/proc/[pid]/mountinfo"
[[nodiscard]] std::vector<std::string> proc_mounts(std::string_view mountinfo);

/// Shuts the calling process in for good: own mount, network, IPC and UTS namespaces, `tree` as the root file system
/// with every procfs in it covered, no capability but CAP_DAC_OVERRIDE and CAP_FOWNER, none to be gained by execve. It
/// dies with its parent. To be called in a process of its own, the first of a pid namespace.
/// @param tree  a detached copy of the mounts that are to be seen
/// @throws Error io, and then the process is half shut in and must end
void shut_in(const UniqueFd& tree);

}  // namespace overdrive
