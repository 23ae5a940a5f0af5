#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/driver_manifest.hpp"
#include "model/fabric_facts.hpp"
#include "model/host_facts.hpp"

namespace overdrive {

/// A daemon that may come with a driver, as driver.json names it, and the unit that runs it from the current
/// generation.
struct KnownDaemon {
    std::string_view name;
    std::string_view unit;
    std::string_view program;    ///< what the unit runs, in the generation
    bool versioned_with_driver;  ///< it refuses any other driver than that of its own version
};

/// The one that belongs to every driver.
inline constexpr std::string_view kPersistenced = "nvidia-persistenced";

/// All that may come with a driver, in the order in which they start.
inline constexpr auto kKnownDaemons = std::to_array<KnownDaemon>({
    {"nvidia-persistenced", "nvidia-persistenced.service", "bin/nvidia-persistenced", false},
    {"nvlsm", "nvidia-nvlsm.service", "sbin/nvlsm", false},
    {"nvidia-fabricmanager", "nvidia-fabricmanager.service", "bin/nv-fabricmanager", true},
    {"nvidia-imex", "nvidia-imex.service", "bin/nvidia-imex", true},
});

/// The kernel's modules that NVLSM needs to reach the switches. @see NVIDIA Fabric Manager User Guide, "NVLink 5"
inline constexpr auto kSwitchManagerModules = std::to_array<std::string_view>({"mlx5_core", "mlx5_ib", "ib_umad"});

/// One daemon that is to run.
struct PlannedDaemon {
    std::string name;
    std::string unit;
    std::map<std::string, std::string> environment;  ///< for its unit
    friend bool operator==(const PlannedDaemon&, const PlannedDaemon&) = default;
};

/// What is to run beside a driver on this hardware.
struct DaemonPlan {
    std::vector<PlannedDaemon> daemons;  ///< in the order in which they start
    std::vector<std::string> problems;   ///< what the hardware asks for and what does not run, why, in sentences

    [[nodiscard]] std::vector<std::string> units() const;
};

/// nvidia-persistenced wherever there is a GPU; the fabric manager where there are NVSwitches to manage, for NVLink 5
/// with NVLSM; IMEX where its nodes are configured. The switches of a GB200 or GB300 rack are managed elsewhere.
/// A daemon of another version than the driver's is a problem that names both versions, and does not run.
/// @see NVIDIA Fabric Manager User Guide; NVIDIA IMEX Service User Guide
[[nodiscard]] DaemonPlan plan_daemons(const DriverManifest& manifest, const std::vector<GpuFunction>& gpus,
                                      const FabricFacts& fabric);

/// The known daemon that a unit runs; nullptr for any other unit.
[[nodiscard]] const KnownDaemon* daemon_of(std::string_view unit) noexcept;

}  // namespace overdrive
