#include "devices/proc_device_holders.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "devices/host_texts.hpp"
#include "devices/number_text.hpp"
#include "devices/process_place.hpp"

namespace overdrive {

namespace {

constexpr unsigned kDriverMajor = 195;
constexpr std::size_t kMostMaps = 64U << 20U;
constexpr std::size_t kMostCommand = 100;
constexpr const char* kDrm = "/sys/class/drm";

/// What somebody else wrote, as it may stand in a message.
std::string printable(std::string_view text) {
    std::string out{text};
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, ' ');
    while (out.ends_with(' ')) out.pop_back();
    return out;
}

std::string shortened(std::string text, std::size_t most) {
    if (text.size() > most) text.replace(most, text.size() - most, "...");
    return text;
}

/// Nodes of the GPU's display side: `226:0` in /sys/class/drm/card0/dev.
void add_drm_nodes(const Root& root, DeviceSet& set) {
    for (const std::string& name : root.list(kDrm)) {
        const std::string driver = root.read_link(fmt::format("{}/{}/device/driver", kDrm, name)).value_or("");
        if (driver.substr(driver.rfind('/') + 1) != "nvidia") continue;
        const std::string text = printable(root.read_file(fmt::format("{}/{}/dev", kDrm, name)).value_or(""));
        const std::size_t colon = text.find(':');
        if (colon == std::string::npos) continue;  // a connector: no device of its own
        const auto major_number = parse_number<unsigned>(std::string_view{text}.substr(0, colon));
        const auto minor_number = parse_number<unsigned>(std::string_view{text}.substr(colon + 1));
        if (major_number && minor_number) set.devices.insert(makedev(*major_number, *minor_number));
    }
}

/// One line of /proc/<pid>/maps that maps a file.
struct Mapping {
    std::string range;  ///< as /proc/<pid>/map_files names it
    std::string file;   ///< device and inode of the file: what is mapped twice is looked at once
};

std::string_view without_zeros(std::string_view hex) {
    return hex.substr(std::min(hex.find_first_not_of('0'), hex.size()));
}

std::optional<Mapping> parse_mapping(std::string_view line) {
    // 00400000-0040b000 r-xp 00000000 08:01 1234                 /usr/bin/cat
    std::array<std::string_view, 5> words;
    for (std::string_view& word : words) {
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        word = line.substr(0, line.find(' '));
        line.remove_prefix(word.size());
    }
    const auto& [range, permissions, offset, device, inode] = words;
    const std::size_t dash = range.find('-');
    if (dash == std::string_view::npos || inode.empty() || inode == "0") return std::nullopt;
    return Mapping{fmt::format("{}-{}", without_zeros(range.substr(0, dash)), without_zeros(range.substr(dash + 1))),
                   fmt::format("{} {}", device, inode)};
}

/// Looks at one process after the other for the wanted devices.
class Scan {
public:
    Scan(const Root& root, const DeviceSet& wanted) : root_{root}, wanted_{wanted} {}

    [[nodiscard]] std::optional<DeviceHolder> look_at(const std::string& pid) {
        try {
            if (!has_open(pid) && !has_mapped(pid)) return std::nullopt;
            return describe(pid);
        } catch (const Error&) {
            return std::nullopt;  // it ended (ENOENT, ESRCH), or is not ours to look into (EACCES)
        }
    }

private:
    [[nodiscard]] bool has_open(const std::string& pid) const {
        const std::string place = fmt::format("/proc/{}/fd", pid);
        const auto directory = root_.open_if_exists(place, O_PATH | O_DIRECTORY);
        if (!directory) return false;
        const std::vector<std::string> names = root_.list(place);
        return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
            return is_wanted(directory->get(), name) == std::optional{true};
        });
    }

    [[nodiscard]] bool has_mapped(const std::string& pid) {
        const std::string maps = root_.read_file(fmt::format("/proc/{}/maps", pid), kMostMaps).value_or("");
        if (maps.empty()) return false;
        const auto directory = root_.open_if_exists(fmt::format("/proc/{}/map_files", pid), O_PATH | O_DIRECTORY);
        if (!directory) return false;
        std::string_view rest{maps};
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find('\n'), rest.size());
            const auto mapping = parse_mapping(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
            if (mapping && maps_wanted(directory->get(), *mapping)) return true;
        }
        return false;
    }

    [[nodiscard]] bool maps_wanted(int map_files, const Mapping& mapping) {
        const auto known = files_.find(mapping.file);
        if (known != files_.end()) return known->second;
        const auto answer = is_wanted(map_files, mapping.range);
        if (answer) files_.emplace(mapping.file, *answer);
        return answer.value_or(false);
    }

    /// nullopt when it is gone. Follows the kernel's own link to the file; the file's server, when it has one that may
    /// hang (NFS, FUSE), is not asked.
    [[nodiscard]] std::optional<bool> is_wanted(int directory, const std::string& name) const {
        struct statx status {};
        if (::statx(directory, name.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &status) != 0)
            return std::nullopt;
        return S_ISCHR(status.stx_mode) && wanted_.contains(status.stx_rdev_major, status.stx_rdev_minor);
    }

    [[nodiscard]] std::string text_of(const std::string& pid, const char* file) const {
        return root_.read_file(fmt::format("/proc/{}/{}", pid, file)).value_or("");
    }

    [[nodiscard]] DeviceHolder describe(const std::string& pid) const {
        DeviceHolder holder;
        holder.pid = parse_number<int>(pid).value_or(0);
        holder.program = printable(text_of(pid, "comm"));
        holder.command = shortened(printable(text_of(pid, "cmdline")), kMostCommand);
        const ProcessPlace place = parse_process_cgroup(text_of(pid, "cgroup"));
        holder.unit = printable(place.unit);
        if (!place.container_id.empty())
            holder.container = fmt::format("{} {}", place.runtime, place.container_id.substr(0, 12));
        if (!place.pod_uid.empty()) holder.pod = pod_name(place.pod_uid);
        return holder;
    }

    /// The kubelet keeps a pod's logs in /var/log/pods/<namespace>_<name>_<uid>; no name has an underscore.
    [[nodiscard]] std::string pod_name(const std::string& uid) const {
        for (const std::string& directory : root_.list("/var/log/pods")) {
            if (!directory.ends_with("_" + uid)) continue;
            std::string name = directory.substr(0, directory.size() - uid.size() - 1);
            std::replace(name.begin(), name.end(), '_', '/');
            return printable(name);
        }
        return uid;
    }

    const Root& root_;
    const DeviceSet& wanted_;
    std::map<std::string, bool> files_;  ///< by Mapping::file, for all processes
};

bool is_pid(std::string_view name) { return name.find_first_not_of("0123456789") == std::string_view::npos; }

}  // namespace

bool DeviceSet::contains(unsigned major_number, unsigned minor_number) const {
    return majors.contains(major_number) || devices.contains(makedev(major_number, minor_number));
}

DeviceSet driver_devices(const Root& root) {
    DeviceSet set{{kDriverMajor}, {}};
    for (const auto& [name, major_number] : parse_character_majors(root.read_file("/proc/devices").value_or(""))) {
        if (name.starts_with("nvidia")) set.majors.insert(major_number);
    }
    add_drm_nodes(root, set);
    return set;
}

std::vector<DeviceHolder> find_device_holders(const Root& root, const DeviceSet& wanted) {
    const std::string own = root.read_link("/proc/self").value_or("");
    Scan scan{root, wanted};
    std::vector<DeviceHolder> holders;
    for (const std::string& name : root.list("/proc")) {
        if (!is_pid(name) || name == own) continue;
        if (auto holder = scan.look_at(name)) holders.push_back(std::move(*holder));
    }
    std::sort(holders.begin(), holders.end(),
              [](const DeviceHolder& a, const DeviceHolder& b) { return a.pid < b.pid; });
    return holders;
}

}  // namespace overdrive
