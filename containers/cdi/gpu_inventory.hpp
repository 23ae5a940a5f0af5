#pragma once

#include <optional>
#include <string>
#include <vector>

namespace overdrive {

/// A part of a GPU in MIG mode: a compute instance in a GPU instance.
struct MigInstance {
    unsigned index = 0;  ///< among those of its GPU
    unsigned gpu_instance = 0;
    unsigned compute_instance = 0;
    std::string uuid;       ///< empty when only NVML knows it and it was not asked
    bool graphics = false;  ///< its profile has the attribute `gfx`: it can draw

    friend bool operator==(const MigInstance&, const MigInstance&) = default;
};

struct GpuDevice {
    unsigned index = 0;         ///< in the order of PCI addresses, as NVML counts
    unsigned minor_number = 0;  ///< of /dev/nvidia<minor>
    std::string uuid;           ///< `GPU-...`; empty when it is not known yet
    std::string address;        ///< `0000:07:00.0`, as sysfs writes it
    std::string model;
    bool mig = false;  ///< in MIG mode: it is used by its instances only
    std::vector<MigInstance> instances{};

    friend bool operator==(const GpuDevice&, const GpuDevice&) = default;
};

/// What one source knows of the GPUs that the driver drives.
struct GpuInventory {
    std::vector<GpuDevice> gpus;
    std::optional<std::string> driver_version;  ///< of the loaded driver
    std::string source;                         ///< for messages: "/proc/driver/nvidia", "NVML"
};

/// A PCI address as sysfs writes it: lower case, four digits of domain where four do (`00000000:07:00.0` of NVML ->
/// `0000:07:00.0`).
[[nodiscard]] std::string sysfs_address(std::string address);

}  // namespace overdrive
