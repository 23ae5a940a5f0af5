#include "overlay/mount_syscalls.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "support/error.hpp"

namespace overdrive {

namespace {

// Newer than the C library's headers.
constexpr unsigned kMoveMountBeneath = 0x200;
constexpr unsigned kStatxMountIdUnique = 0x4000;

std::optional<struct statx> statx_of(const std::string& path, unsigned mask) {
    struct statx result {};
    if (::statx(AT_FDCWD, path.c_str(), AT_NO_AUTOMOUNT, mask, &result) == 0) return result;
    const int saved_errno = errno;
    if (saved_errno == ENOENT || saved_errno == ENOTDIR) return std::nullopt;
    throw Error::from_errno(Errc::io, saved_errno, fmt::format("look at '{}'", path));
}

void set_propagation(const std::string& path, unsigned long type) {
    if (::mount(nullptr, path.c_str(), nullptr, MS_REC | type, nullptr) == 0) return;
    const int saved_errno = errno;
    throw Error::from_errno(Errc::exposure, saved_errno,
                            fmt::format("set the propagation of the mounts at '{}'", path));
}

}  // namespace

std::optional<MountIdentity> mount_identity(const std::string& path) {
    const auto plain = statx_of(path, STATX_MNT_ID);
    if (!plain) return std::nullopt;
    if ((plain->stx_mask & STATX_MNT_ID) == 0) {
        throw Error{Errc::unsupported, "this kernel does not tell mount ids; Linux 5.8 or newer is needed"};
    }
    MountIdentity identity{static_cast<int>(plain->stx_mnt_id), 0};
    const auto unique = statx_of(path, kStatxMountIdUnique);
    if (unique && (unique->stx_mask & kStatxMountIdUnique) != 0) identity.unique_id = unique->stx_mnt_id;
    return identity;
}

UniqueFd clone_tree(const std::string& path) {
    UniqueFd tree{::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)};
    if (!tree) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::exposure, saved_errno, fmt::format("copy the mount at '{}'", path));
    }
    return tree;
}

void attach_tree(const UniqueFd& tree, const std::string& path) {
    if (::move_mount(tree.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0) return;
    const int saved_errno = errno;
    throw Error::from_errno(Errc::exposure, saved_errno, fmt::format("attach a mount at '{}'", path));
}

bool attach_tree_beneath(const UniqueFd& tree, const std::string& path) {
    if (::move_mount(tree.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH | kMoveMountBeneath) == 0) {
        return true;
    }
    const int saved_errno = errno;
    if (saved_errno == EINVAL) return false;
    throw Error::from_errno(Errc::exposure, saved_errno, fmt::format("attach a mount beneath '{}'", path));
}

void detach_mount(const std::string& path) {
    if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return;
    const int saved_errno = errno;
    throw Error::from_errno(Errc::exposure, saved_errno, fmt::format("detach the mount at '{}'", path));
}

void enter_private_mount_namespace() {
    if (::unshare(CLONE_NEWNS) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::exposure, saved_errno, "make a private mount namespace");
    }
    set_propagation("/", MS_PRIVATE);  // without this a detach in here would propagate to the host
}

void make_slave(const std::string& path) { set_propagation(path, MS_SLAVE); }

void make_private(const std::string& path) { set_propagation(path, MS_PRIVATE); }

}  // namespace overdrive
