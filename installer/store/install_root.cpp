#include "store/install_root.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "store/store.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

[[noreturn]] void refuse(std::string_view path, std::string_view what, std::string remedy) {
    throw Error{Errc::unsupported, fmt::format("'{}' {}", path, what)}.with_remedy(std::move(remedy));
}

void require_sound(const Root& root, const std::string& path) {
    const auto status = root.link_status(path);
    if (!status) return;
    const std::string host = root.host_path(path);
    if (S_ISLNK(status->st_mode)) {
        refuse(path, fmt::format("is a link to '{}'; drivers are not installed through it", *root.read_link(path)),
               fmt::format("remove the link, or mount the other place there: rm '{}'; mkdir '{}'", host, host));
    }
    if (!S_ISDIR(status->st_mode))
        refuse(path, "is no directory", fmt::format("move it away: mv '{0}' '{0}.old'", host));
    if (status->st_uid != 0 && status->st_uid != geteuid()) {
        refuse(path, fmt::format("belongs to user {}, who could replace what the kernel loads from it", status->st_uid),
               fmt::format("chown root:root '{}', and see what is in it", host));
    }
    if ((status->st_mode & 0022U) != 0) {
        refuse(path, fmt::format("is writable by others than root (mode {:04o})", status->st_mode & 07777U),
               fmt::format("chmod go-w '{}', and see what is in it", host));
    }
}

/// What tells mounts apart even where both show one file system; the device where the kernel has no mount ids.
std::uint64_t mount_of(const Root& root, const std::string& path) {
    const UniqueFd file = root.open(path, O_PATH);
    struct statx status {};
    if (statx(file.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &status) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::io, saved_errno, fmt::format("stat '{}'", path));
    }
    if ((status.stx_mask & STATX_MNT_ID) != 0) return status.stx_mnt_id;
    return (static_cast<std::uint64_t>(status.stx_dev_major) << 32U) | status.stx_dev_minor;
}

}  // namespace

void require_sound_install_root(const Root& root, const std::string& directory) {
    for (const char* below : {"", "/.overdrive", "/.overdrive/generations", "/.overdrive/staging"})
        require_sound(root, directory + below);
}

void require_place_for(const Store& store, const Pair& pair) {
    const Root& root = store.root();
    const std::string staging = store.state_path("staging");
    const std::uint64_t from = mount_of(root, staging);
    for (const std::string& place : {store.generation_path(pair), store.directory() + "/" + pair.driver.text()}) {
        if (!root.exists(place) || mount_of(root, place) == from) continue;
        refuse(place,
               fmt::format("is on another mount than '{}', so that no finished driver can be renamed to it", staging),
               fmt::format("unmount '{}', or mount all of '{}' there", root.host_path(place), store.directory()));
    }
    if (mount_of(root, store.directory()) != from) {
        refuse(
            staging,
            fmt::format("is on another mount than '{}', so that no finished driver can be renamed", store.directory()),
            fmt::format("unmount '{}'", root.host_path(staging)));
    }
    const UniqueFd directory = root.open(store.directory(), O_RDONLY | O_DIRECTORY);
    struct statvfs mount {};
    if (fstatvfs(directory.get(), &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0) {
        refuse(store.directory(), "is mounted noexec, so that the driver's programs and libraries cannot be used",
               fmt::format("mount -o remount,exec the file system of '{}'", root.host_path(store.directory())));
    }
}

}  // namespace overdrive
