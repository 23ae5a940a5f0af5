#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/gpu_architecture.hpp"
#include "model/pair_index.hpp"

namespace overdrive {

/// What a choice among offered pairs goes by.
struct PairQuestion {
    std::string os_key;
    std::string kernel_release;             ///< empty where it is not known: a pending OS
    std::optional<std::string> build_id{};  ///< of that kernel
    std::string architecture;               ///< as `uname -m`
    std::vector<unsigned> gpus{};           ///< PCI device ids
    std::optional<DriverId> in_force{};     ///< the driver that the node has now
};

/// Whether a pair was built for this kernel: OS key, kernel release, architecture, and the build id where both know it.
[[nodiscard]] bool is_for_kernel(const OfferedPair& offer, const PairQuestion& question);

/// What a channel of the index stands for; other wishes, and `newest`, as they are.
/// @throws Error no_artifact naming the channels that there are
[[nodiscard]] DriverWish resolve_channel(const PairIndex& index, const DriverWish& wish);

/// The offered pairs that are for this kernel and are wished for, the best first.
///
/// A branch that names no kind of modules leaves out the kind that one of the GPUs does not work with. Then come first:
/// the kind of the driver in force, the newest version, and among equals the kind that NVIDIA installs by default: the
/// open modules from branch 560 on, the proprietary ones before (there they want a parameter on workstation and GeForce
/// GPUs).
/// @param wish no channel but `newest`
/// @see https://developer.nvidia.com/blog/nvidia-transitions-fully-towards-open-source-gpu-kernel-modules
[[nodiscard]] std::vector<OfferedPair> choose_pairs(const PairIndex& index, const DriverWish& wish,
                                                    const PairQuestion& question);

/// The pairs that come nearest where none fits, as paths, at most `most`: first other drivers for this kernel, those
/// that are wished for before the rest; then the wished driver, and after it others, for other kernels of this
/// architecture.
[[nodiscard]] std::vector<std::string> nearest_pairs(const std::vector<OfferedPair>& offers, const DriverWish& wish,
                                                     const PairQuestion& question, std::size_t most);

}  // namespace overdrive
