#pragma once

namespace overdrive {

/// What is told to others in this boot; gone at the next.
inline constexpr const char* kRunDirectory = "/run/overdrive";
inline constexpr const char* kStatusFile = "/run/overdrive/status.json";
inline constexpr const char* kToldFile = "/run/overdrive/told.json";  ///< status.json as the listeners were told it
inline constexpr const char* kDevicePresentFile = "/run/overdrive/device-present";  ///< a GPU's driver is loaded
/// nvidia.service was stopped and took the libraries away: what is missing is meant to be missing.
inline constexpr const char* kDetachedFile = "/run/overdrive/detached";
/// At boot nvidia-smi was not asked: it is when the node runs.
inline constexpr const char* kSmiDueFile = "/run/overdrive/nvidia-smi-due";
inline constexpr const char* kReadyFile = "/run/overdrive/ready";           ///< a driver works, or none is needed
inline constexpr const char* kStagingFile = "/run/overdrive/staging.json";  ///< why the last staging failed
inline constexpr const char* kGateFile = "/run/overdrive/gate.json";        ///< since when a reboot is not safe
/// The operator allows reboots without the driver: an empty file, or how long.
inline constexpr const char* kGateAllowFile = "/run/overdrive/reboot-allowed";

}  // namespace overdrive
