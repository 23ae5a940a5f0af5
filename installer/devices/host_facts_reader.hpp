#pragma once

#include "model/host_facts.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What the host is right now. Kernel release and architecture are the running kernel's: a container shares it.
///
/// The mounts are those of the host's first process where it can be read (a container with the host's /proc below its
/// root), else our own.
/// @throws Error unsupported naming what is missing (/proc, /sys); bad_os_release
[[nodiscard]] HostFacts read_host_facts(const Root& root);

/// The PCI functions of NVIDIA with a display or 3D class in /sys/bus/pci/devices, by address.
[[nodiscard]] std::vector<GpuFunction> read_gpus(const Root& root);

/// The loaded modules of the driver's family and its rivals, with their versions.
[[nodiscard]] std::vector<LoadedModule> read_driver_modules(const Root& root);

}  // namespace overdrive
