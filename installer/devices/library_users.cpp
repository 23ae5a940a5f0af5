#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "devices/host_texts.hpp"
#include "devices/proc_device_holders.hpp"
#include "devices/process_maps.hpp"
#include "devices/process_text.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostMounts = 16U << 20U;

/// The versions of the driver's libraries among the files that a process has mapped.
std::set<std::string> mapped_versions(const Root& root, const std::string& pid) {
    std::set<std::string> versions;
    const std::string maps = root.read_file(fmt::format("/proc/{}/maps", pid), kMostMaps).value_or("");
    std::string_view rest{maps};
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        if (const auto mapping = parse_mapping(rest.substr(0, end))) {
            std::string version = library_version(mapping->name);
            if (!version.empty()) versions.insert(std::move(version));
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return versions;
}

/// The versions of the driver's libraries that are bound, file by file, into a mount namespace.
std::set<std::string> mounted_versions(const Root& root, const std::string& pid) {
    std::set<std::string> versions;
    const std::string mounts = root.read_file(fmt::format("/proc/{}/mountinfo", pid), kMostMounts).value_or("");
    for (const MountEntry& mount : parse_mountinfo(mounts)) {
        std::string version = library_version(mount.target.substr(mount.target.rfind('/') + 1));
        if (!version.empty()) versions.insert(std::move(version));
    }
    return versions;
}

/// Looks at one process after the other; at each mount namespace once.
class Scan {
public:
    explicit Scan(const Root& root) : root_{root} {}

    void look_at(const std::string& pid, std::vector<LibraryUser>& users) {
        try {
            const auto mapped = mapped_versions(root_, pid);
            const auto space = root_.read_link(fmt::format("/proc/{}/ns/mnt", pid));
            const bool is_new = space && seen_.insert(*space).second;
            const auto mounted = is_new ? mounted_versions(root_, pid) : std::set<std::string>{};
            if (mapped.empty() && mounted.empty()) return;
            const DeviceHolder process = describe_process(root_, pid);
            for (const std::string& version : mapped) users.push_back({process, version, LibraryUser::By::mapping});
            for (const std::string& version : mounted) {
                if (!mapped.contains(version)) users.push_back({process, version, LibraryUser::By::mount});
            }
        } catch (const Error&) {  // it ended (ENOENT, ESRCH), or is not ours to look into (EACCES)
        }
    }

private:
    const Root& root_;
    std::set<std::string> seen_;  ///< mount namespaces
};

}  // namespace

std::vector<LibraryUser> find_library_users(const Root& root) {
    const std::string own = root.read_link("/proc/self").value_or("");
    Scan scan{root};
    std::vector<LibraryUser> users;
    for (const std::string& name : root.list("/proc")) {
        if (is_pid(name) && name != own) scan.look_at(name, users);
    }
    std::stable_sort(users.begin(), users.end(),
                     [](const LibraryUser& a, const LibraryUser& b) { return a.process.pid < b.process.pid; });
    return users;
}

}  // namespace overdrive
