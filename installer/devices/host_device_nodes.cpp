#include "devices/host_device_nodes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string_view>

#include "support/error.hpp"

namespace overdrive {

namespace {

std::string node_path(const WantedNode& node) { return "/dev/" + node.path; }

std::string link_path(const WantedNode& node) {
    return fmt::format("/dev/char/{}:{}", node.major_number, node.minor_number);
}

std::string link_target(const WantedNode& node) { return "../" + node.path; }

/// Whatever fails below `/dev` is a failure of the device nodes.
template <typename Body>
decltype(auto) as_device_nodes(Body&& body) {
    try {
        return body();
    } catch (const Error& error) {
        throw Error{Errc::device_nodes, error.what()};
    }
}

[[noreturn]] void fail(int saved_errno, std::string_view verb, const std::string& path) {
    Error error = Error::from_errno(Errc::device_nodes, saved_errno, fmt::format("{} '{}'", verb, path));
    if (saved_errno == EPERM) throw std::move(error).with_remedy("making device nodes needs root with CAP_MKNOD");
    throw error;
}

/// `nvidia0`, `nvidia12`
bool is_gpu_node(std::string_view name) {
    constexpr std::string_view kPrefix = "nvidia";
    return name.size() > kPrefix.size() && name.starts_with(kPrefix) &&
           name.substr(kPrefix.size()).find_first_not_of("0123456789") == std::string_view::npos;
}

void remove_empty_caps_directory(const Root& root) {
    constexpr std::string_view kDirectory = "/dev/nvidia-caps";
    if (root.exists(kDirectory) && root.list(kDirectory).empty()) static_cast<void>(root.remove(kDirectory));
}

}  // namespace

bool HostDeviceNodes::node_is_right(const WantedNode& node) const {
    const auto status = root_.link_status(node_path(node));
    return status && S_ISCHR(status->st_mode) && status->st_rdev == makedev(node.major_number, node.minor_number) &&
           (status->st_mode & 07777U) == node.mode;
}

bool HostDeviceNodes::link_is_right(const WantedNode& node) const {
    const auto status = root_.link_status(link_path(node));
    return status && S_ISLNK(status->st_mode) && root_.read_link(link_path(node)) == link_target(node);
}

void HostDeviceNodes::make_node(const WantedNode& node) const {
    const std::string path = node_path(node);
    const std::size_t slash = path.rfind('/');
    const std::string name = path.substr(slash + 1);
    root_.make_directories(path.substr(0, slash));
    const UniqueFd directory = root_.open(path.substr(0, slash), O_PATH | O_DIRECTORY);
    const std::string beside = fmt::format(".{}.new", name);  // the same for all: what a killed run left is replaced
    static_cast<void>(unlinkat(directory.get(), beside.c_str(), 0));
    const dev_t device = makedev(node.major_number, node.minor_number);
    if (mknodat(directory.get(), beside.c_str(), S_IFCHR | node.mode, device) != 0) fail(errno, "make", path);
    // The umask took its part of the mode.
    if (fchmodat(directory.get(), beside.c_str(), node.mode, 0) != 0 ||
        renameat(directory.get(), beside.c_str(), directory.get(), name.c_str()) != 0) {
        const int saved_errno = errno;
        static_cast<void>(unlinkat(directory.get(), beside.c_str(), 0));
        fail(saved_errno, "make", path);
    }
}

std::vector<std::string> HostDeviceNodes::ensure(const std::vector<DeviceNodeSpec>& specs) {
    return as_device_nodes([&] {
        std::vector<std::string> changed;
        for (const WantedNode& node : proc_.wanted_nodes(specs)) {
            if (!node_is_right(node)) {
                make_node(node);
                changed.push_back(node_path(node));
            }
            if (!link_is_right(node)) {
                root_.make_directories("/dev/char");
                root_.replace_link(link_path(node), link_target(node));
                changed.push_back(link_path(node));
            }
        }
        return changed;
    });
}

std::vector<std::string> HostDeviceNodes::missing(const std::vector<DeviceNodeSpec>& specs) {
    return as_device_nodes([&] {
        std::vector<std::string> absent;
        for (const WantedNode& node : proc_.wanted_nodes(specs)) {
            if (!node_is_right(node)) absent.push_back(node_path(node));
            if (!link_is_right(node)) absent.push_back(link_path(node));
        }
        return absent;
    });
}

void HostDeviceNodes::remove_node(const std::string& name, std::vector<std::string>& removed) const {
    const std::string path = "/dev/" + name;
    const auto status = root_.link_status(path);
    if (!status || !S_ISCHR(status->st_mode)) return;
    const std::string link = fmt::format("/dev/char/{}:{}", major(status->st_rdev), minor(status->st_rdev));
    const auto link_status = root_.link_status(link);
    if (link_status && S_ISLNK(link_status->st_mode) && root_.read_link(link) == "../" + name && root_.remove(link)) {
        removed.push_back(link);
    }
    if (root_.remove(path)) removed.push_back(path);
}

std::vector<std::string> HostDeviceNodes::remove(const std::vector<DeviceNodeSpec>& specs) {
    return as_device_nodes([&] {
        // By name, not from /proc: the modules may be gone already.
        std::vector<std::string> names;
        std::transform(specs.begin(), specs.end(), std::back_inserter(names),
                       [](const DeviceNodeSpec& spec) { return spec.path; });
        for (const std::string& name : root_.list("/dev")) {
            if (is_gpu_node(name)) names.push_back(name);
        }
        for (const std::string& name : root_.list("/dev/nvidia-caps")) names.push_back("nvidia-caps/" + name);
        std::vector<std::string> removed;
        for (const std::string& name : names) remove_node(name, removed);
        remove_empty_caps_directory(root_);
        return removed;
    });
}

void HostDeviceNodes::take_back(const std::vector<std::string>& paths) {
    as_device_nodes([&] {
        for (const std::string& path : paths) {
            const auto status = root_.link_status(path);
            if (status && (S_ISCHR(status->st_mode) || S_ISLNK(status->st_mode))) root_.remove(path);
        }
        remove_empty_caps_directory(root_);
    });
}

}  // namespace overdrive
