#include "hook/driver_params.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>

#include <linux/openat2.h>
#include <cerrno>

#include "hook/container_root.hpp"
#include "hook/mount_calls.hpp"
#include "support/error.hpp"
#include "support/root.hpp"

namespace overdrive {

namespace {

constexpr unsigned kInert = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

/// A tmpfs that is attached for the time that a part of it is copied: only an attached mount can be.
class AttachedTmpfs {
public:
    explicit AttachedTmpfs(int directory) : mount_{new_tmpfs("64k", kInert)} { attach_mount(mount_, directory); }
    AttachedTmpfs(const AttachedTmpfs&) = delete;
    AttachedTmpfs& operator=(const AttachedTmpfs&) = delete;
    ~AttachedTmpfs() { umount2(fmt::format("/proc/self/fd/{}", mount_.get()).c_str(), MNT_DETACH); }

    [[nodiscard]] int fd() const noexcept { return mount_.get(); }

private:
    UniqueFd mount_;
};

/// A mount of one read-only file with this text, attached nowhere. `workplace` is covered meanwhile.
UniqueFd file_mount(const UniqueFd& workplace, std::string_view text) {
    const AttachedTmpfs tmpfs{workplace.get()};
    {
        const UniqueFd file{open_beneath(tmpfs.fd(), "params", O_WRONLY | O_CREAT | O_EXCL, 0444, RESOLVE_BENEATH)};
        if (!file) throw Error::from_errno(Errc::io, errno, "make the new driver parameters");
        write_all(file.get(), text, "the new driver parameters");
    }
    UniqueFd mount = copy_of_mount(tmpfs.fd(), "params", false);
    restrict_mount(mount, kInert | MOUNT_ATTR_RDONLY);
    return mount;
}

}  // namespace

std::optional<std::string> params_without_device_files(std::string_view params) {
    constexpr std::string_view kAllowed = "ModifyDeviceFiles: 1";
    std::string out;
    bool changed = false;
    while (!params.empty()) {
        const std::size_t end = std::min(params.find('\n'), params.size());
        const std::string_view line = params.substr(0, end);
        params.remove_prefix(std::min(end + 1, params.size()));
        changed = changed || line == kAllowed;
        out += line == kAllowed ? "ModifyDeviceFiles: 0" : line;
        out += '\n';
    }
    if (!changed) return std::nullopt;
    return out;
}

bool cover_driver_params(const ContainerRoot& root, std::string_view text) {
    const std::optional<UniqueFd> folder = root.find("/proc/driver/nvidia", O_DIRECTORY);
    if (!folder) return false;
    const UniqueFd params{open_beneath(folder->get(), "params", O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH)};
    if (!params && errno == ENOENT) return false;
    if (!params) throw Error::from_errno(Errc::io, errno, fmt::format("open '{}' in the container", kDriverParams));
    struct stat status {};
    if (fstat(params.get(), &status) != 0 || !S_ISREG(status.st_mode))
        throw Error{Errc::io,
                    fmt::format("'{}' in the container is no regular file; nothing is mounted there", kDriverParams)};
    attach_mount(file_mount(*folder, text), params.get());
    return true;
}

}  // namespace overdrive
