#pragma once

#include "support/root.hpp"

namespace overdrive {

/// The files below /run/nvidia/validations by which NVIDIA's GPU Operator learns that this node's driver is there:
/// `driver-ready`, which its containers source for the driver's root, and `.driver-ctr-ready`, which its validator
/// reads where the driver is not in the host's /usr. The operator is run with `driver.enabled=false` and
/// `hostPaths.driverInstallDir=/opt/nvidia/current`. What the toolkit and the plugins find out themselves
/// (`toolkit-ready`, `plugin-ready`, `cuda-ready`) is not ours to tell.
/// @see NVIDIA/gpu-operator, cmd/nvidia-validator/main.go: createStatusFile, validateAdditionalDriverComponents
inline constexpr const char* kDriverReadyFile = "/run/nvidia/validations/driver-ready";
inline constexpr const char* kDriverContainerReadyFile = "/run/nvidia/validations/.driver-ctr-ready";

/// Writes the files when the driver is usable, removes them when it is not. Files of the same names that others wrote
/// are theirs as long as the option is off.
/// @param wanted the configuration's operator-validations
void tell_operator(const Root& root, bool wanted, bool usable);

}  // namespace overdrive
