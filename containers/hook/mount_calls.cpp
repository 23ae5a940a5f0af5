#include "hook/mount_calls.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <cerrno>
#include <string>
#include <utility>

#include "support/error.hpp"

namespace overdrive {

namespace {

[[noreturn]] void fail(int saved_errno, const char* call) {
    if (saved_errno == ENOSYS)
        throw Error{Errc::unsupported, std::string{"this kernel has no "} + call + "; Linux 5.12 or newer is needed"};
    Error error = Error::from_errno(Errc::io, saved_errno, call);
    if (saved_errno != EPERM) throw error;
    throw std::move(error).with_remedy(
        "a container runtime starts this program, as root or in a user namespace of its own");
}

long checked(long result, const char* call) {
    if (result < 0) fail(errno, call);
    return result;
}

}  // namespace

UniqueFd new_tmpfs(const char* size, unsigned flags) {
    const UniqueFd context{static_cast<int>(checked(fsopen("tmpfs", FSOPEN_CLOEXEC), "fsopen(2) of a tmpfs"))};
    checked(fsconfig(context.get(), FSCONFIG_SET_STRING, "size", size, 0), "fsconfig(2) of a tmpfs");
    checked(fsconfig(context.get(), FSCONFIG_SET_STRING, "mode", "0755", 0), "fsconfig(2) of a tmpfs");
    checked(fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "fsconfig(2) of a tmpfs");
    return UniqueFd{static_cast<int>(checked(fsmount(context.get(), FSMOUNT_CLOEXEC, flags), "fsmount(2) of a tmpfs"))};
}

UniqueFd copy_of_mount(int directory, const char* path, bool recursive) {
    const unsigned flags =
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | static_cast<unsigned>(AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0));
    return UniqueFd{static_cast<int>(checked(open_tree(directory, path, flags), "open_tree(2)"))};
}

void attach_mount(const UniqueFd& mount, int target) {
    checked(move_mount(mount.get(), "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
            "move_mount(2)");
}

void restrict_mount(const UniqueFd& mount, unsigned flags) {
    mount_attr attributes{};
    attributes.attr_set = flags;
    checked(mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes), "mount_setattr(2)");
}

}  // namespace overdrive
