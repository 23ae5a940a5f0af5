#pragma once

#include <array>
#include <string_view>

namespace overdrive {

/// Services that only watch the GPUs and hold the driver meanwhile, clients first. `--when-busy stop` and `--now` stop
/// those that hold it and start them again afterwards; otherwise they are left alone, for nobody but their owner knows
/// who relies on them. The driver's own daemons are kDriverDaemons.
inline constexpr auto kMonitorDaemons = std::to_array<std::string_view>(
    {"dcgm-exporter.service", "nvidia-dcgm-exporter.service", "nvsm.service", "nvsm-core.service",
     "nvsm-plugin-monitor-environment.service", "nvsm-plugin-monitor-storage.service",
     "nvsm-plugin-monitor-system.service", "nvidia-gpu-exporter.service", "nvidia_gpu_exporter.service"});

}  // namespace overdrive
