#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cdi/gpu_edits.hpp"
#include "cdi/hooks.hpp"
#include "cdi/nvml_gpus.hpp"
#include "cdi/spec.hpp"
#include "support/root.hpp"

namespace overdrive {

/// When NVML is asked, which runs the driver's own code in a process of its own.
enum class CdiNvml {
    as_needed,  ///< where /proc does not tell enough: UUIDs of MIG instances and of GPUs that nobody has used yet
    for_mig,    ///< for UUIDs of MIG instances only
    never
};

/// What `cdi generate` is to make; the names and defaults are those of `nvidia-ctk cdi generate` 1.20 where it has
/// them. Paths are absolute and of the host.
struct CdiGenerateOptions {
    std::string driver_root = "/";
    std::optional<std::string> dev_root{};  ///< nullopt: the driver root when it has nodes of the driver, else `/`
    std::string proc_root = "/proc";
    std::string sys_root = "/sys";
    std::string mode = "auto";  ///< auto, nvml, management, gds, mofed, gdrcopy, imex, nvswitch
    CdiNvml nvml = CdiNvml::as_needed;
    std::vector<CdiNaming> naming{CdiNaming::index, CdiNaming::uuid};
    std::string vendor = "nvidia.com";
    std::string class_name{};  ///< empty: what fits the mode, `gpu`
    CdiHookMaker::Options hooks{};
    std::vector<std::string> config_search_paths{};
    std::set<std::string> feature_flags{};
    std::vector<std::string> device_ids{"all"};  ///< indices or UUIDs; `all`; `none`
    bool no_all_device = false;
    std::vector<std::string> allow_missing{};  ///< libraries without which it goes on: libcuda, libnvidia-ml
    std::string kernel_release{};
    /// Where whoever reads the specification has the driver root and the root of the nodes; empty: at the same places.
    std::string target_driver_root{};
    std::string target_dev_root{};
};

/// The specification of the GPUs of this host and what else containers need of its driver, with the lowest version that
/// its content needs. Names the real directory of the driver, never a link to it.
/// @param ask_nvml  how NVML is asked where it has to be
/// @param remarks   takes what is worth knowing, a sentence each
/// @throws Error usage: a mode, device or feature that is not known; unsupported: there is no GPU, or NVML is needed
///   and does not answer; incomplete_artifact: the driver's libraries are missing or not the loaded driver's;
///   device_nodes
[[nodiscard]] CdiSpec generate_cdi_spec(const Root& host, const CdiGenerateOptions& options, const NvmlAsker& ask_nvml,
                                        std::vector<std::string>& remarks);

}  // namespace overdrive
