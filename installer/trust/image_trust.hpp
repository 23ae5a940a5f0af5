#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/digest.hpp"
#include "model/trust_policy.hpp"
#include "ports/artifact_source.hpp"
#include "trust/trust.hpp"

namespace overdrive {

/// What is to be pulled: what a signature must be for.
struct ImageClaim {
    std::string repository;       ///< `registry.example/overdrive/nvidia-debian`; empty where the place has none
    std::string tag;              ///< that was asked for
    std::vector<Digest> digests;  ///< of the manifest that is pulled, and of the index that names it
};

/// What the signatures of an image say.
struct ImageAnswer {
    std::optional<Vouching> vouching;
    std::string why_not;  ///< bounded, for each kind of refusal how many; empty when they vouch
};

/// Asks the signatures of an image. One counts when a key of the policy made it over exactly its payload, and the
/// payload, which is read only then, names one of the claim's digests and the repository: the claim's own, or one that
/// the policy's `identity` allows. A tag that it names must be the claim's.
/// @see sigstore/cosign specs/SIGNATURE_SPEC.md
[[nodiscard]] ImageAnswer ask_signatures(const TrustPolicy& policy, const TrustedKeys& trusted, const ImageClaim& claim,
                                         const std::vector<ImageSignature>& signatures);

/// Whether a signature for `reference` (`registry.example/repository[:TAG][@DIGEST]`) may be taken for the claim.
[[nodiscard]] bool is_for(std::string_view reference, const ImageClaim& claim, const TrustPolicy& policy);

}  // namespace overdrive
