#include "devices/host_facts_reader.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "devices/host_texts.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr const char* kPciDevices = "/sys/bus/pci/devices";
constexpr unsigned kVendor = 0x10de;
constexpr unsigned kDisplayController = 0x0300;
constexpr unsigned k3dController = 0x0302;

/// A small file of /proc or /sys without the newline at its end; empty when absent.
std::string line_of(const Root& root, const std::string& path) {
    std::string text = root.read_file(path, 1U << 20U).value_or("");
    while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.pop_back();
    return text;
}

/// `0x10de` -> 0x10de; 0 for anything else.
unsigned hex_number(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return error == std::errc{} && end == text.data() + text.size() ? value : 0;
}

std::string last_part(std::string_view path) { return std::string{path.substr(path.rfind('/') + 1)}; }

OsRelease read_os_release(const Root& root) {
    for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
        if (const auto text = root.read_file(path, 1U << 20U)) {
            return attempting(fmt::format("read '{}'", path), [&] { return OsRelease::parse(*text); });
        }
    }
    throw Error{Errc::bad_os_release,
                fmt::format("'{}' has neither /etc/os-release nor /usr/lib/os-release", root.path())}
        .with_remedy(
            "run on the host, or name the host's root with --root (a container sees it at /rootfs with "
            "'-v /:/rootfs')");
}

void require(const Root& root, const char* path, const char* what) {
    if (root.exists(path)) return;
    throw Error{Errc::unsupported,
                fmt::format("'{}' is missing below '{}': {} is not mounted", path, root.path(), what)}
        .with_remedy(fmt::format("mount {} there; a container gets it with '-v /:/rootfs' when the host has it", what));
}

std::string read_mountinfo(const Root& root) {
    // Of the first process: in a container's view of the host these are the host's mounts, ours are the container's.
    for (const char* path : {"/proc/1/mountinfo", "/proc/self/mountinfo"}) {
        try {
            if (auto text = root.read_file(path)) return std::move(*text);
        } catch (const Error&) {
            // Not ours to read (no root, or hidepid): our own are the next best.
        }
    }
    // Below another root /proc/self is the process of the host's pid namespace, where we may have no entry.
    return Root{"/"}.read_file("/proc/thread-self/mountinfo").value_or("");
}

}  // namespace

std::vector<GpuFunction> read_gpus(const Root& root) {
    std::vector<GpuFunction> gpus;
    for (const std::string& address : root.list(kPciDevices)) {
        const std::string place = fmt::format("{}/{}/", kPciDevices, address);
        const unsigned device_class = hex_number(line_of(root, place + "class")) >> 8U;
        if (hex_number(line_of(root, place + "vendor")) != kVendor) continue;
        if (device_class != kDisplayController && device_class != k3dController) continue;
        GpuFunction gpu;
        gpu.address = address;
        gpu.device_id = hex_number(line_of(root, place + "device"));
        gpu.driver = last_part(root.read_link(place + "driver").value_or(""));
        gpus.push_back(std::move(gpu));
    }
    return gpus;
}

std::vector<LoadedModule> read_driver_modules(const Root& root) {
    // A kernel without module support has no /proc/modules; then none is loaded.
    std::vector<LoadedModule> modules = parse_modules(root.read_file("/proc/modules").value_or(""));
    const auto other = [](const LoadedModule& module) { return !is_driver_module(module.name); };
    modules.erase(std::remove_if(modules.begin(), modules.end(), other), modules.end());
    for (LoadedModule& module : modules) {
        module.version = line_of(root, fmt::format("/sys/module/{}/version", module.name));
    }
    return modules;
}

HostFacts read_host_facts(const Root& root) {
    HostFacts facts;
    facts.os_release = read_os_release(root);
    require(root, "/proc/sys/kernel", "proc");
    require(root, "/sys/kernel", "sysfs");
    utsname kernel{};
    if (uname(&kernel) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::unsupported, saved_errno, "uname");
    }
    facts.kernel_release = static_cast<const char*>(kernel.release);
    facts.architecture = static_cast<const char*>(kernel.machine);
    facts.kernel_build_id = parse_build_id(root.read_file("/sys/kernel/notes", 1U << 20U).value_or(""));
    facts.gpus = read_gpus(root);
    facts.modules = read_driver_modules(root);
    facts.driver_version = parse_driver_version(line_of(root, "/proc/driver/nvidia/version"));
    facts.firmware_path = line_of(root, "/sys/module/firmware_class/parameters/path");
    facts.mounts = parse_mountinfo(read_mountinfo(root));
    facts.boot_id = line_of(root, "/proc/sys/kernel/random/boot_id");
    return facts;
}

}  // namespace overdrive
