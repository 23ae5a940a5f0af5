#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace overdrive {

class ContainerRoot;

/// The number of the GPU that a name in /dev stands for ("nvidia3"); -1 for any other name.
[[nodiscard]] int gpu_of_node(std::string_view name) noexcept;

/// The GPUs that the container has, as bits at their minor numbers: character devices /dev/nvidia<N>, minors below 64.
[[nodiscard]] std::uint64_t gpu_mask(const ContainerRoot& root);

/// An application profile of the driver that shows EGL and Vulkan no other GPUs.
/// @see NVIDIA driver README, "Application Profiles", EGLVisibleDGPUDevices
[[nodiscard]] std::string application_profile(std::uint64_t mask);

/// Writes the profile into the container; nothing when it has no GPU.
void update_application_profile(const ContainerRoot& root);

}  // namespace overdrive
