#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/os_release.hpp"

namespace overdrive {

/// A PCI function of the vendor NVIDIA (10de) whose class is a display controller (0300) or 3D controller (0302).
struct GpuFunction {
    std::string address;  ///< `0000:00:07.0`
    unsigned device_id = 0;
    std::string driver;  ///< the kernel driver bound to it; empty when none is
};

/// One line of /proc/modules that matters to us.
struct LoadedModule {
    std::string name;  ///< with underscores, as the kernel writes it: `nvidia_uvm`
    unsigned refcount = 0;
    std::vector<std::string> users;  ///< modules that use it
    std::string version;             ///< /sys/module/<name>/version; empty when it has none
};

/// One mount of the host. @see proc(5), /proc/pid/mountinfo
struct MountEntry {
    std::string target;
    std::string type;  ///< `overlay`, `squashfs` ...
    std::string source;
    std::string options;  ///< per-mount options: `ro,relatime`
    std::string super_options;
    int id = 0;
    int parent_id = 0;
    dev_t device = 0;  ///< st_dev of what is mounted
};

/// What the host is right now, read once; rules take this value and never look themselves.
struct HostFacts {
    OsRelease os_release;
    std::string kernel_release;                  ///< `uname -r`
    std::string architecture;                    ///< `uname -m`
    std::optional<std::string> kernel_build_id;  ///< GNU build id in /sys/kernel/notes, hex
    std::vector<GpuFunction> gpus;
    std::vector<LoadedModule>
        modules;  ///< of the driver's family and its rivals (nouveau); unload_plan.hpp tells them apart
    std::optional<std::string> driver_version;  ///< from /proc/driver/nvidia/version
    std::string firmware_path;                  ///< /sys/module/firmware_class/parameters/path
    bool usr_local_is_read_only = false;        ///< where /usr/local leads: a directory of /var on some hosts
    std::vector<MountEntry> mounts;             ///< bottom first, as mountinfo lists them
    std::string boot_id;                        ///< /proc/sys/kernel/random/boot_id

    [[nodiscard]] const LoadedModule* loaded(std::string_view module_name) const noexcept;
    /// Whether /usr is on a read-only mount.
    [[nodiscard]] bool usr_is_read_only() const noexcept;
};

/// `nvidia-uvm` -> `nvidia_uvm`: the kernel's spelling of a module name.
[[nodiscard]] std::string kernel_spelling(std::string_view module_name);

/// Whether `option` is one of the comma-separated `options`.
[[nodiscard]] bool has_option(std::string_view options, std::string_view option) noexcept;

}  // namespace overdrive
