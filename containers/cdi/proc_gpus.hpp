#pragma once

#include <map>
#include <string>
#include <string_view>

#include "cdi/driver_tree.hpp"
#include "cdi/gpu_inventory.hpp"

namespace overdrive {

/// The numbers of the capability nodes in mig-minors: `gpu0/gi1/access 12` -> {"gpu0/gi1/access", 12}. Lines that do
/// not fit are skipped.
[[nodiscard]] std::map<std::string, unsigned> parse_mig_minors(std::string_view text);

/// The GPUs by what the driver says under /proc: enough for whole GPUs, before any library is in place.
///
/// Of MIG it knows the instances, not their UUIDs and profiles; their order among themselves is that of their numbers,
/// which NVML does not promise. A GPU in MIG mode without an instance cannot be told from a whole one.
/// @param proc  the directory that is /proc: its `driver/nvidia` is read
[[nodiscard]] GpuInventory read_proc_gpus(const DriverTree& proc);

/// The numbers of the capability nodes; empty without MIG.
[[nodiscard]] std::map<std::string, unsigned> read_mig_minors(const DriverTree& proc);

}  // namespace overdrive
