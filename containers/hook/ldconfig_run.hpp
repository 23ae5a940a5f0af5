#pragma once

#include <string>
#include <vector>

namespace overdrive {

class ContainerRoot;

/// The host's ldconfig that is meant by `path`: `path.real` where there is one, since Debian's derivatives have a shell
/// script at the plain name. A leading `@` (the vendor's mark for "on the host") is dropped.
[[nodiscard]] std::string host_ldconfig(std::string path);

/// Runs the host's ldconfig on the container's root, where it makes the links of sonames and writes /etc/ld.so.cache.
///
/// It reads whatever the image holds, so it is shut in: a sealed copy of the program in memory, which must be static (a
/// dynamic one would load the image's libraries with the host's rights); own mount, pid, network, IPC and UTS
/// namespaces; the container's root as its only file system (pivot_root), in which every procfs is covered, whose links
/// lead elsewhere; of the capabilities only those to write and chmod files of other owners; an empty environment; one
/// minute of time.
/// @param path     ldconfig on the host, in the calling process's mount namespace
/// @param folders  given to ldconfig as arguments
/// @throws Error unsupported when ldconfig is no static program; io
void run_ldconfig(const ContainerRoot& root, const std::string& path, const std::vector<std::string>& folders);

}  // namespace overdrive
