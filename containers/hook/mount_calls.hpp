#pragma once

#include "support/unique_fd.hpp"

namespace overdrive {

// Mounting by descriptor (Linux 5.2; mount_setattr 5.12): no name in a container is looked up twice, so that no link
// put there in between decides where a mount lands. All throw Error io, or unsupported when the kernel has no such
// call.

/// A new tmpfs, attached nowhere. `size` such as "64k"; `flags` are MOUNT_ATTR_*.
[[nodiscard]] UniqueFd new_tmpfs(const char* size, unsigned flags);
/// A copy of the mount at `directory`/`path`, attached nowhere; with all below it when `recursive`. `path` may be "".
[[nodiscard]] UniqueFd copy_of_mount(int directory, const char* path, bool recursive);
/// Attaches `mount` over what `target` is open on.
void attach_mount(const UniqueFd& mount, int target);
/// Sets MOUNT_ATTR_* flags of a mount that nobody else uses yet.
void restrict_mount(const UniqueFd& mount, unsigned flags);

}  // namespace overdrive
