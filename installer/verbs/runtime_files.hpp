#pragma once

namespace overdrive {

/// What is told to others in this boot; gone at the next.
inline constexpr const char* kRunDirectory = "/run/overdrive";
inline constexpr const char* kStatusFile = "/run/overdrive/status.json";
inline constexpr const char* kToldFile = "/run/overdrive/told.json";  ///< status.json as the listeners were told it
inline constexpr const char* kDevicePresentFile = "/run/overdrive/device-present";  ///< a GPU's driver is loaded
/// nvidia.service was stopped and took the libraries away: what is missing is meant to be missing.
inline constexpr const char* kDetachedFile = "/run/overdrive/detached";
inline constexpr const char* kReadyFile = "/run/overdrive/ready";  ///< a driver works, or none is needed

}  // namespace overdrive
