#include "devices/foreign_drivers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace overdrive {

namespace {

constexpr std::size_t kMostIndex = 16U << 20U;
constexpr std::size_t kMostStatus = 64U << 20U;
constexpr const char* kOperatorMount = "/run/nvidia/driver";
constexpr const char* kCosDriver = "/home/kubernetes/bin/nvidia";
constexpr const char* kTakeOver = "docs/adopt.md says how to take over step by step";

/// Packages with kernel modules of the driver, or with what makes them. Not those with user space alone: libraries of
/// another version beside a package manager's are a matter of exposure.
constexpr std::array<std::string_view, 9> kPackages{"nvidia-kernel-",        "nvidia-open-kernel-", "nvidia-dkms-",
                                                    "nvidia-kmod",           "nvidia-driver",       "nvidia-open",
                                                    "linux-modules-nvidia-", "kmod-nvidia",         "nvidia-current"};

/// Packages of these names that have no module in them.
constexpr std::array<std::string_view, 3> kHarmless{"nvidia-kernel-common", "nvidia-driver-libs",
                                                    "nvidia-driver-assistant"};

bool is_driver_package(std::string_view name) {
    const bool named = std::any_of(kPackages.begin(), kPackages.end(),
                                   [&](std::string_view prefix) { return name.starts_with(prefix); });
    return named && std::none_of(kHarmless.begin(), kHarmless.end(),
                                 [&](std::string_view harmless) { return name.starts_with(harmless); });
}

template <typename Visit>
void each_part(std::string_view text, std::string_view separator, Visit&& visit) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        visit(text.substr(0, end));
        text.remove_prefix(std::min(end + separator.size(), text.size()));
    }
}

std::string_view value_after(std::string_view line, std::string_view field) {
    if (!line.starts_with(field)) return {};
    line.remove_prefix(field.size());
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    return line;
}

std::string content(const Root& root, const std::string& path, std::size_t most) {
    try {
        return root.read_file(path, most).value_or("");
    } catch (const Error&) {
        return {};  // unknown
    }
}

void add_modules(const Root& root, const HostFacts& facts, std::vector<ForeignDriver>& found) {
    const std::string directory = "/lib/modules/" + facts.kernel_release;
    const auto modules = driver_modules_in(content(root, directory + "/modules.dep", kMostIndex));
    if (modules.empty()) return;
    found.push_back({fmt::format("the module '{}/{}'", directory, modules.front()),
                     fmt::format("remove the package that it came with ('dpkg -S nvidia.ko', 'rpm -qf {}/{}'), or "
                                 "'nvidia-uninstall' where NVIDIA's installer put it there; {}",
                                 directory, modules.front(), kTakeOver),
                     true});
}

void add_containers(const Root& root, const HostFacts& facts, std::vector<ForeignDriver>& found) {
    const bool mounted = std::any_of(facts.mounts.begin(), facts.mounts.end(),
                                     [](const MountEntry& mount) { return mount.target == kOperatorMount; });
    if (mounted) {
        found.push_back(
            {fmt::format("a driver container (NVIDIA's GPU Operator) at {}", kOperatorMount),
             fmt::format("set driver.enabled=false in the operator's Helm values for these nodes; {}", kTakeOver),
             true});
    }
    if (root.exists(kCosDriver)) {
        found.push_back({fmt::format("the driver of a cluster's own installer in {}", kCosDriver),
                         fmt::format("create the node pool without a driver installation; {}", kTakeOver), true});
    }
}

void add_sources(const Root& root, std::vector<ForeignDriver>& found) {
    for (const std::string& name : root.list("/usr/src")) {
        if (!name.starts_with("nvidia-")) continue;
        found.push_back({fmt::format("sources for DKMS in /usr/src/{}", name),
                         fmt::format("remove the package that they came with; {}", kTakeOver), false});
    }
}

}  // namespace

std::vector<DriverPackage> parse_driver_packages(std::string_view dpkg_status) {
    std::vector<DriverPackage> packages;
    each_part(dpkg_status, "\n\n", [&](std::string_view paragraph) {
        DriverPackage package;
        bool installed = false;
        each_part(paragraph, "\n", [&](std::string_view line) {
            if (const auto name = value_after(line, "Package:"); !name.empty()) package.name = name;
            if (const auto version = value_after(line, "Version:"); !version.empty()) package.version = version;
            if (line.starts_with("Status:")) installed = line.ends_with(" installed");
        });
        if (installed && is_driver_package(package.name)) packages.push_back(std::move(package));
    });
    return packages;
}

std::vector<std::string> driver_modules_in(std::string_view modules_dep) {
    std::vector<std::string> modules;
    each_part(modules_dep, "\n", [&](std::string_view line) {
        const std::string_view path = line.substr(0, line.find(':'));
        const std::string_view file = path.substr(path.rfind('/') + 1);
        // Debian names them nvidia-current.ko, and links them for modprobe.
        const std::string_view name = file.substr(0, file.find('.'));
        if (name == "nvidia" || name == "nvidia-current" || name == "nvidia-current-open") modules.emplace_back(path);
    });
    return modules;
}

std::vector<ForeignDriver> find_foreign_drivers(const Root& root, const HostFacts& facts, bool with_packages) {
    std::vector<ForeignDriver> found;
    add_modules(root, facts, found);
    add_containers(root, facts, found);
    if (!with_packages) return found;
    for (const DriverPackage& package : parse_driver_packages(content(root, "/var/lib/dpkg/status", kMostStatus))) {
        found.push_back({fmt::format("the package {} {}", package.name, package.version),
                         fmt::format("'apt purge {}'; {}", package.name, kTakeOver), false});
    }
    add_sources(root, found);
    return found;
}

}  // namespace overdrive
