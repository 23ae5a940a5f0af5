#include "hook/confinement.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "hook/mount_calls.hpp"
#include "support/error.hpp"
#include "support/root.hpp"

namespace overdrive {

namespace {

void checked(long result, std::string_view attempted) {
    if (result != 0) throw Error::from_errno(Errc::io, errno, attempted);
}

/// Three octal digits after a backslash stand for a byte.
std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto digit = [&](std::size_t at) { return static_cast<unsigned>(text[at] - '0'); };
        const bool escape =
            text[i] == '\\' && i + 3 < text.size() && digit(i + 1) < 4 && digit(i + 2) < 8 && digit(i + 3) < 8;
        out += escape ? static_cast<char>(digit(i + 1) * 64 + digit(i + 2) * 8 + digit(i + 3)) : text[i];
        if (escape) i += 3;
    }
    return out;
}

/// Field `index` of a line, fields being parted by one blank; empty when there are fewer.
std::string_view field(std::string_view line, std::size_t index) {
    for (; index > 0; --index) {
        const std::size_t blank = line.find(' ');
        if (blank == std::string_view::npos) return {};
        line.remove_prefix(blank + 1);
    }
    return line.substr(0, line.find(' '));
}

/// Makes `tree` the root and lets go of the old one.
void pivot_to(const UniqueFd& tree) {
    // What happens to mounts here must not be seen outside; what is unmounted outside must not stay alive here.
    checked(mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr), "part from the mounts outside");
    const UniqueFd root{openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    attach_mount(tree, root.get());
    checked(mount(nullptr, fmt::format("/proc/self/fd/{}", tree.get()).c_str(), nullptr, MS_REC | MS_SLAVE, nullptr),
            "part from the container's mounts");
    checked(fchdir(tree.get()), "enter the container's root");
    checked(syscall(SYS_pivot_root, ".", "."), "make the container's root the root");
    checked(umount2(".", MNT_DETACH), "let go of the old root");
    checked(chdir("/"), "enter the new root");
}

/// The links of a procfs lead to other processes' roots and files; an empty directory leads nowhere.
void cover_proc(const UniqueFd& old_proc) {
    const UniqueFd list{open_beneath(old_proc.get(), "self/mountinfo", O_RDONLY, 0, 0)};
    if (!list) throw Error::from_errno(Errc::io, errno, "open '/proc/self/mountinfo'");
    const UniqueFd root{openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    for (const std::string& place : proc_mounts(read_all(list.get(), "/proc/self/mountinfo", 16U << 20U))) {
        const UniqueFd directory{open_beneath(root.get(), place.c_str(), O_PATH | O_DIRECTORY, 0,
                                              RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)};
        // A single file has no such links; what lies below a mount that is covered already is not there any more.
        if (!directory && (errno == ENOTDIR || errno == ENOENT)) continue;
        if (!directory) throw Error::from_errno(Errc::io, errno, fmt::format("open '{}' to cover it", place));
        struct statfs status {};
        checked(fstatfs(directory.get(), &status), fmt::format("look at '{}'", place));
        if (status.f_type != PROC_SUPER_MAGIC) continue;
        attach_mount(new_tmpfs("4k", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC),
                     directory.get());
    }
}

void drop_capabilities() {
    constexpr unsigned kKept = 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER;
    for (unsigned capability = 0; capability < 64; ++capability) {
        if (capability < 32 && (kKept >> capability & 1U) != 0) continue;
        // EINVAL: the kernel knows no more of them.
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL)
            throw Error::from_errno(Errc::io, errno, "give up capabilities");
    }
    checked(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "give up ambient capabilities");
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[2] = {{kKept, kKept, 0}, {0, 0, 0}};
    checked(syscall(SYS_capset, &header, sets), "give up capabilities");
    checked(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "forbid new privileges");
}

}  // namespace

std::vector<std::string> proc_mounts(std::string_view mountinfo) {
    std::vector<std::string> places;
    while (!mountinfo.empty()) {
        const std::size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
        const std::string_view line = mountinfo.substr(0, end);
        mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
        const std::size_t options_end = line.find(" - ");
        if (options_end == std::string_view::npos || field(line.substr(options_end + 3), 0) != "proc") continue;
        places.push_back(unescaped(field(line, 4)));
    }
    return places;
}

void shut_in(const UniqueFd& tree) {
    checked(prctl(PR_SET_PDEATHSIG, SIGKILL), "ask to end with the parent");
    const UniqueFd old_proc{openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!old_proc) throw Error::from_errno(Errc::io, errno, "open '/proc'");
    checked(unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET), "make namespaces for ldconfig");
    pivot_to(tree);
    cover_proc(old_proc);
    const rlimit none{0, 0};
    checked(setrlimit(RLIMIT_CORE, &none), "forbid core dumps");
    drop_capabilities();
}

}  // namespace overdrive
