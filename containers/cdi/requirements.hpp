#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace overdrive {

/// What an image asks of the driver: engines of today start a container that the driver cannot serve, and it fails
/// later inside. Whoever starts containers asks here first.

struct ImageRequirement {
    std::string variable;    ///< that it comes from: `NVIDIA_REQUIRE_CUDA`
    std::string expression;  ///< `cuda>=11.0 brand=tesla,driver>=450`: blanks separate alternatives, commas conditions

    friend bool operator==(const ImageRequirement&, const ImageRequirement&) = default;
};

/// What a driver and its GPUs are able to do; nullopt: not known.
struct DriverAbilities {
    struct Gpu {
        std::optional<std::string> architecture{};  ///< compute capability: `9.0`
        std::optional<std::string> brand{};         ///< `Tesla`, `GeForce`, ...
    };
    std::optional<std::string> cuda{};    ///< the newest that it supports: `12.4`
    std::optional<std::string> driver{};  ///< its version: `550.163.01`
    std::vector<Gpu> gpus{};              ///< that the container gets
};

struct UnmetRequirement {
    ImageRequirement requirement;
    std::string why;  ///< one sentence
};

/// The requirements in a container's environment: all `NVIDIA_REQUIRE_*` but those of JetPack, which is no driver; for
/// an image from before there were any, its CUDA_VERSION. None where `NVIDIA_DISABLE_REQUIRE` says so.
/// @param environment  of the container's process
/// @throws Error usage: CUDA_VERSION is no version
/// @see container_config.go of the NVIDIA container toolkit 1.20
[[nodiscard]] std::vector<ImageRequirement> image_requirements(const std::map<std::string, std::string>& environment);

/// Those that do not hold. A requirement must hold for every GPU. What is not known holds, and so does a condition on a
/// property that nobody knows: both are younger than this program, or have nothing to do with the driver.
/// @throws Error usage naming the variable: an expression that is none
/// @see nvc_info.c of libnvidia-container for the meaning of each property
[[nodiscard]] std::vector<UnmetRequirement> unmet_requirements(std::span<const ImageRequirement> requirements,
                                                               const DriverAbilities& abilities);

}  // namespace overdrive
