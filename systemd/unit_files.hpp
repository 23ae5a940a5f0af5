#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.hpp"
#include "model/os_profile.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What starts after the driver.
struct Consumer {
    std::string_view unit;
    bool kubelet;  ///< runs a kubelet: waits a limited time for a driver that is still being fetched
};

/// Every unit that is ordered after nvidia.service. A unit that the host does not have costs nothing.
inline constexpr auto kConsumers = std::to_array<Consumer>({
    {"kubelet.service", true},
    {"k3s.service", true},
    {"k3s-agent.service", true},
    {"rke2-server.service", true},
    {"rke2-agent.service", true},
    {"k0scontroller.service", true},
    {"k0sworker.service", true},
    {"containerd.service", false},
    {"docker.service", false},
    {"crio.service", false},
    {"podman.service", false},
});

/// The units that the installer enables, after writing `unit_files` and before a daemon-reload. The others are pulled
/// in.
/// @param pending who knows the OS release that the next boot will run: what starts nvidia-stage.service depends on it
[[nodiscard]] std::vector<std::string> enabled_units(PendingSource pending);

/// `activate` makes this file where a GPU is present and removes it where none is: nvidia-persistenced.service is
/// skipped without it.
inline constexpr std::string_view kDevicePresentFile = "/run/overdrive/device-present";

/// Makes the user of nvidia-persistenced.service when that starts. A host without it must have the user already.
inline constexpr std::string_view kSysusersProgram = "/usr/bin/systemd-sysusers";

/// What the unit files depend on. Paths are absolute, as the host sees them.
struct UnitOptions {
    std::string install_root = "/opt/nvidia";
    std::string program_root = "/opt/overdrive";
    std::vector<std::string> mounts{"/opt/nvidia", "/opt/overdrive"};  ///< real paths that must be mounted first
    std::vector<std::string> before;              ///< more units ordered after the driver, from the configuration
    std::chrono::seconds kubelet_wait{120};       ///< how long a kubelet waits at most
    PendingSource pending = PendingSource::none;  ///< who knows the OS release that the next boot will run
    bool strict = false;  ///< a consumer does not start at all when nvidia.service failed (Requires= for Wants=)
};

/// The options of this host: the configuration's, with every link on the way to our directories resolved.
/// @throws Error config when `before` names something that is no unit
[[nodiscard]] UnitOptions unit_options(const Root& root, const Config& config, PendingSource pending);

/// A file that the installer writes.
struct UnitFile {
    std::string path;  ///< absolute, below the host root
    std::string content;

    [[nodiscard]] bool operator==(const UnitFile&) const = default;
};

/// Units, drop-ins of the consumers and the user of the persistence daemon, in a fixed order. Pure.
/// @throws Error config when a unit name or a path cannot stand in a unit file
[[nodiscard]] std::vector<UnitFile> unit_files(const UnitOptions& options);

}  // namespace overdrive
