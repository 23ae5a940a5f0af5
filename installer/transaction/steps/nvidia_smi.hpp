#pragma once

#include <optional>
#include <string>

#include "model/driver_manifest.hpp"
#include "ports/process_runner.hpp"

namespace overdrive {

/// Runs the driver's own `nvidia-smi -L`, for a minute at most. It opens every GPU, which takes seconds where no daemon
/// holds them open.
/// @param generation absolute path of the generation on the host
/// @return what it said when it did not work: `nvidia-smi ended with 9: ...`; nullopt when it did, or is not shipped
[[nodiscard]] std::optional<std::string> ask_nvidia_smi(ProcessRunner& processes, const DriverManifest& manifest,
                                                        const std::string& generation);

}  // namespace overdrive
