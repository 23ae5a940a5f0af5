#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cdi/gpu_inventory.hpp"
#include "ports/process_runner.hpp"

namespace overdrive {

/// The GPUs as the driver's own management library knows them: with the UUIDs and profiles of MIG instances. Takes the
/// path of libnvidia-ml.so.1 as this process sees it.
/// @throws Error unsupported: it cannot be asked, or answers with an error, in its words
using NvmlAsker = std::function<GpuInventory(const std::string& library)>;

/// Asks by `overdrive-nvml`, which loads the library in a process of its own: a static program cannot load one, and a
/// GPU that hangs does not hang whoever asks.
/// @param helper  path of that program
[[nodiscard]] NvmlAsker ask_nvml_by(ProcessRunner& processes, std::string helper);

/// Reads what `overdrive-nvml` printed.
/// @throws Error unsupported: it says an error, or is not what that program prints
[[nodiscard]] GpuInventory parse_nvml_answer(std::string_view text);

}  // namespace overdrive
