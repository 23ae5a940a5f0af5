#include "devices/host_facts_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "devices/host_texts.hpp"
#include "devices/pci_functions.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr unsigned kVendor = 0x10de;
constexpr unsigned kDisplayController = 0x0300;
constexpr unsigned k3dController = 0x0302;

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

bool is_read_only(const Root& root, const char* path) {
    const auto entry = root.open_if_exists(path, O_PATH);
    struct statvfs file_system {};
    return entry && ::fstatvfs(entry->get(), &file_system) == 0 && (file_system.f_flag & ST_RDONLY) != 0;
}

}  // namespace

std::vector<GpuFunction> read_gpus(const Root& root) {
    std::vector<GpuFunction> gpus;
    for (const PciFunction& function : read_pci_functions(root)) {
        const bool displays = function.device_class == kDisplayController || function.device_class == k3dController;
        if (function.vendor != kVendor || !displays) continue;
        gpus.push_back({.address = function.address,
                        .device_id = function.device,
                        .driver = last_part(root.read_link(function.directory + "/driver").value_or(""))});
    }
    return gpus;
}

std::vector<LoadedModule> read_driver_modules(const Root& root) {
    // A kernel without module support has no /proc/modules; then none is loaded.
    std::vector<LoadedModule> modules = parse_modules(root.read_file("/proc/modules").value_or(""));
    const auto other = [](const LoadedModule& module) { return !is_driver_module(module.name); };
    modules.erase(std::remove_if(modules.begin(), modules.end(), other), modules.end());
    for (LoadedModule& module : modules) {
        module.version = first_line(root, fmt::format("/sys/module/{}/version", module.name));
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
    facts.driver_version = parse_driver_version(first_line(root, "/proc/driver/nvidia/version"));
    facts.firmware_path = first_line(root, "/sys/module/firmware_class/parameters/path");
    facts.usr_local_is_read_only = is_read_only(root, "/usr/local");
    facts.mounts = parse_mountinfo(read_mountinfo(root));
    facts.boot_id = first_line(root, "/proc/sys/kernel/random/boot_id");
    return facts;
}

}  // namespace overdrive
