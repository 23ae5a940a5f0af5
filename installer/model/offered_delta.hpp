#pragma once

#include <cstdint>
#include <string>

#include "model/digest.hpp"

namespace overdrive {

/// A delta that a repository has, as its pair index tells it: user space of one driver version from that of another.
struct OfferedDelta {
    Digest from;                       ///< user-space layer that a node has installed
    Digest to;                         ///< user-space layer that it wants
    std::string from_version{};        ///< driver version of `from`: `535.261.03`
    std::string to_version{};          ///< driver version of `to`
    Digest manifest;                   ///< of the OCI artifact that keeps the blob in its repository
    Digest blob;                       ///< the delta itself: all that a node asks for
    std::uint64_t download_bytes = 0;  ///< of the blob

    friend bool operator==(const OfferedDelta&, const OfferedDelta&) = default;
};

/// Media type of the blob. @see docs/delta.md
inline constexpr const char* kDeltaType = "application/vnd.overdrive.delta.v1";

}  // namespace overdrive
