#include "overlay/libmount_table.hpp"

#include <fmt/format.h>
#include <libmount.h>
#include <sys/mount.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "support/error.hpp"
#include "support/release_with.hpp"

namespace overdrive {

namespace {

using Table = std::unique_ptr<libmnt_table, ReleaseWith<mnt_unref_table>>;
using TableIterator = std::unique_ptr<libmnt_iter, ReleaseWith<mnt_free_iter>>;
using MountContext = std::unique_ptr<libmnt_context, ReleaseWith<mnt_free_context>>;

template <typename Handle>
Handle made(typename Handle::pointer object) {
    if (object == nullptr) throw std::bad_alloc{};
    return Handle{object};
}

std::string text(const char* value) { return value == nullptr ? "" : value; }

MountEntry entry_of(libmnt_fs* fs) {
    MountEntry entry;
    entry.target = text(mnt_fs_get_target(fs));
    entry.type = text(mnt_fs_get_fstype(fs));
    entry.source = text(mnt_fs_get_source(fs));
    entry.options = text(mnt_fs_get_vfs_options(fs));
    entry.super_options = text(mnt_fs_get_fs_options(fs));
    entry.id = mnt_fs_get_id(fs);
    entry.parent_id = mnt_fs_get_parent_id(fs);
    entry.device = mnt_fs_get_devno(fs);
    return entry;
}

[[noreturn]] void refuse(const OverlaySpec& spec, int error) {
    const std::string what = fmt::format("lay '{}' over '{}'", spec.added, spec.target);
    if (error == ENODEV) {
        throw Error{Errc::exposure, what + ": this kernel has no overlay file system, or its module is not loaded"}
            .with_remedy("run 'modprobe overlay', or set exposure = \"links\" in /etc/overdrive/config.toml");
    }
    if (error == EPERM || error == EACCES) {
        throw Error{Errc::exposure, what + ": not allowed; mounting needs root with CAP_SYS_ADMIN on the host"};
    }
    if (error == EINVAL) {
        throw Error{Errc::exposure,
                    what +
                        ": the kernel refused it (Invalid argument); most often too many overlays are stacked below, "
                        "the kernel log says which"}
            .with_remedy("see 'dmesg | grep overlay', or set exposure = \"links\" in /etc/overdrive/config.toml");
    }
    throw Error::from_errno(Errc::exposure, error, what);
}

}  // namespace

MountTable read_mount_table() { return read_mount_table("/proc/thread-self/mountinfo"); }

MountTable read_mount_table(const std::string& mountinfo) {
    const auto table = made<Table>(mnt_new_table());
    // A line that cannot be read would hide a mount from us: refuse the whole.
    mnt_table_set_parser_errcb(table.get(), [](libmnt_table*, const char*, int) { return -EINVAL; });
    const int result = mnt_table_parse_file(table.get(), mountinfo.c_str());
    if (result != 0) throw Error::from_errno(Errc::io, result < 0 ? -result : EINVAL, "read " + mountinfo);
    const auto iterator = made<TableIterator>(mnt_new_iter(MNT_ITER_FORWARD));
    std::vector<MountEntry> mounts;
    libmnt_fs* fs = nullptr;
    while (mnt_table_next_fs(table.get(), iterator.get(), &fs) == 0) mounts.push_back(entry_of(fs));
    return MountTable{std::move(mounts)};
}

void mount_overlay(const OverlaySpec& spec) {
    const auto context = made<MountContext>(mnt_new_context());
    const std::string options = spec.options();
    mnt_context_disable_helpers(context.get(), 1);
    mnt_context_disable_mtab(context.get(), 1);
    mnt_context_disable_canonicalize(context.get(), 1);
    int result = mnt_context_set_fstype(context.get(), "overlay");
    if (result == 0) result = mnt_context_set_source(context.get(), std::string{kOurSource}.c_str());
    if (result == 0) result = mnt_context_set_target(context.get(), spec.target.c_str());
    if (result == 0) result = mnt_context_set_options(context.get(), options.c_str());
    if (result == 0) result = mnt_context_set_mflags(context.get(), MS_RDONLY | MS_NODEV);
    if (result == 0) result = mnt_context_mount(context.get());
    if (result == 0) return;
    const int from_kernel = mnt_context_get_syscall_errno(context.get());
    refuse(spec, from_kernel != 0 ? from_kernel : (result < 0 ? -result : EINVAL));
}

}  // namespace overdrive
