#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "support/unique_fd.hpp"

namespace overdrive {

/// The mount system calls that libmount 2.38 lacks. Nothing else in the project makes them.

/// Which mount is visible at a path. @see statx(2), STATX_MNT_ID
struct MountIdentity {
    int id = 0;                   ///< as in mountinfo; reused after an unmount
    std::uint64_t unique_id = 0;  ///< never reused during a boot; 0 before Linux 6.8
};
/// nullopt when there is no such path. @throws Error io; unsupported before Linux 5.8
[[nodiscard]] std::optional<MountIdentity> mount_identity(const std::string& path);

/// A detached copy of what is mounted at `path`, with the mounts below it; it goes away with the descriptor.
/// @throws Error io @see open_tree(2)
[[nodiscard]] UniqueFd clone_tree(const std::string& path);

/// Attaches a detached tree on top of what is at `path`. @throws Error io @see move_mount(2)
void attach_tree(const UniqueFd& tree, const std::string& path);

/// Attaches a detached tree beneath the topmost mount at `path`, which stays what is seen.
/// @return false when this kernel cannot do that here (before Linux 6.5) @see move_mount(2), MOVE_MOUNT_BENEATH
[[nodiscard]] bool attach_tree_beneath(const UniqueFd& tree, const std::string& path);

/// Takes the topmost mount at `path`, with what is below it, out of the name space; programs that use it keep it.
/// @throws Error io @see umount2(2), MNT_DETACH
void detach_mount(const std::string& path);

/// Lets the mounts at and below `path` receive what is mounted and unmounted in those that they were copied from, and
/// pass nothing back. @throws Error exposure @see mount_namespaces(7)
void make_slave(const std::string& path);

/// Cuts the mounts at and below `path` off from all others. @throws Error exposure
void make_private(const std::string& path);

/// Gives the calling thread a private copy of the mount namespace; nothing done in it reaches the host.
/// @throws Error exposure when not allowed
void enter_private_mount_namespace();

}  // namespace overdrive
