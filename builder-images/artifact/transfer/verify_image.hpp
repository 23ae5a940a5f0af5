#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder-images/artifact/image_place.hpp"
#include "model/trust_policy.hpp"
#include "trust/image_trust.hpp"

namespace overdrive {

/// What the signatures of one manifest say.
struct ManifestAnswer {
    Digest digest;
    std::string architecture;  ///< OCI spelling; empty when nothing says it
    ImageAnswer answer;
};

/// What an image is checked as.
struct VerifyRequest {
    std::string repository;                     ///< `registry.example/overdrive/nvidia-debian`; empty for a layout
    std::string tag;                            ///< empty: named by digest
    std::optional<std::string> architecture{};  ///< only this one
};

/// Asks the signatures of every manifest of an image, as a node of its architecture would: those over the manifest
/// itself, and those over the index that names it.
/// @param place where `top` was read; its signatures are those under the tag `sha256-<hex>.sig` and its referrers
/// @return one answer a manifest of linux; they all have to vouch
/// @throws Error no_artifact: nothing for the architecture; unreachable, bad_manifest, digest_mismatch
[[nodiscard]] std::vector<ManifestAnswer> verify_image(ImageReader& place, const RawManifest& top,
                                                       const TrustPolicy& policy, const TrustedKeys& trusted,
                                                       const VerifyRequest& request);

}  // namespace overdrive
