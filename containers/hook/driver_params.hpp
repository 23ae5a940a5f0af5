#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace overdrive {

class ContainerRoot;

inline constexpr const char* kDriverParams = "/proc/driver/nvidia/params";

/// The driver's parameters with `ModifyDeviceFiles: 0`; nullopt when they say nothing else now and need no change.
[[nodiscard]] std::optional<std::string> params_without_device_files(std::string_view params);

/// Mounts `text`, read-only, over the driver's parameters in the container, in the calling process's mount namespace (a
/// createContainer hook is in the container's). Leaves no other trace in the container.
/// @return false when the container has no such file
/// @throws Error unsupported when the kernel is older than 5.12; io
[[nodiscard]] bool cover_driver_params(const ContainerRoot& root, std::string_view text);

}  // namespace overdrive
