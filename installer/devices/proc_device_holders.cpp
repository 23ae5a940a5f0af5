#include "devices/proc_device_holders.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "devices/host_texts.hpp"
#include "devices/number_text.hpp"
#include "devices/process_maps.hpp"
#include "devices/process_text.hpp"

namespace overdrive {

namespace {

constexpr unsigned kDriverMajor = 195;
constexpr const char* kDrm = "/sys/class/drm";
constexpr const char* kI2c = "/sys/class/i2c-dev";
/// A module of somebody else that uses the driver's; who has its device open keeps them both.
constexpr std::string_view kGdrCopy = "gdrdrv";

/// `226:1`
std::optional<dev_t> parse_device(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto major_number = parse_number<unsigned>(text.substr(0, colon));
    const auto minor_number = parse_number<unsigned>(text.substr(colon + 1));
    if (!major_number || !minor_number) return std::nullopt;
    return makedev(*major_number, *minor_number);
}

void add_device(const Root& root, const std::string& directory, DeviceSet& set) {
    const auto device = parse_device(printable_ascii(root.read_file(directory + "/dev").value_or("")));
    if (device) set.devices.insert(*device);  // a connector has no device of its own
}

/// The buses of the display connectors: who has one open keeps the module that made it.
void add_i2c_nodes(const Root& root, DeviceSet& set) {
    for (const std::string& name : root.list(kI2c)) {
        const std::string directory = fmt::format("{}/{}", kI2c, name);
        if (root.read_file(directory + "/name").value_or("").starts_with("NVIDIA")) add_device(root, directory, set);
    }
}

/// Nodes of the GPU's display side: `226:0` in /sys/class/drm/card0/dev.
void add_drm_nodes(const Root& root, DeviceSet& set) {
    for (const std::string& name : root.list(kDrm)) {
        const std::string driver = root.read_link(fmt::format("{}/{}/device/driver", kDrm, name)).value_or("");
        if (driver.substr(driver.rfind('/') + 1) != "nvidia") continue;
        add_device(root, fmt::format("{}/{}", kDrm, name), set);
    }
}

/// Looks at one process after the other for the wanted devices.
class Scan {
public:
    Scan(const Root& root, const DeviceSet& wanted) : root_{root}, wanted_{wanted} {}

    [[nodiscard]] std::optional<DeviceHolder> look_at(const std::string& pid) {
        try {
            if (!has_open(pid) && !has_mapped(pid)) return std::nullopt;
            return describe_process(root_, pid);
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

    const Root& root_;
    const DeviceSet& wanted_;
    std::map<std::string, bool> files_;  ///< by Mapping::file, for all processes
};

}  // namespace

bool DeviceSet::contains(unsigned major_number, unsigned minor_number) const {
    return majors.contains(major_number) || devices.contains(makedev(major_number, minor_number));
}

DeviceSet driver_devices(const Root& root) {
    DeviceSet set{{kDriverMajor}, {}};
    for (const auto& [name, major_number] : parse_character_majors(root.read_file("/proc/devices").value_or(""))) {
        if (name.starts_with("nvidia") || name == kGdrCopy) set.majors.insert(major_number);
    }
    add_drm_nodes(root, set);
    add_i2c_nodes(root, set);
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
