#pragma once

#include <optional>
#include <string>

#include "cdi/gpu_inventory.hpp"

namespace overdrive {

/// The GPUs as the driver's own management library knows them: with the UUIDs and profiles of MIG instances.
///
/// The library is loaded into this process, asked, and left.
/// @param library  path of libnvidia-ml.so.1 that this process can open
/// @throws Error unsupported: it cannot be loaded, lacks a function, or answers with an error, in its words
[[nodiscard]] GpuInventory read_nvml_gpus(const std::string& library);

}  // namespace overdrive
