#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder-images/artifact/image_place.hpp"

namespace overdrive {

/// The signatures of an image as cosign keeps them: an image manifest whose layers are the signed payloads, each with
/// its signature as an annotation. Pure; nothing about a signature is checked here.
/// @see sigstore/cosign specs/SIGNATURE_SPEC.md

/// A manifest and the small blobs that it names and that are to be put with it.
struct SignatureSet {
    RawManifest manifest;
    std::string config;
};

/// A set of one signature. Its payload is in the descriptor too (`data`), so that a node needs no request for it.
/// @see OCI image-spec descriptor.md
[[nodiscard]] SignatureSet signature_set(const std::string& payload, const std::string& base64_signature);

/// A set of one attestation: what cosign keeps under the tag `sha256-<hex>.att`.
/// @param envelope        in DSSE, with its signatures inside
/// @param predicate_type  of the in-toto statement in it
[[nodiscard]] SignatureSet attestation_set(const std::string& envelope, const std::string& predicate_type);

/// All layers of `theirs`, in their order, and those of `ours` that it has not: nothing is ever taken away.
/// @return nullopt when `theirs` has them all
/// @throws Error bad_manifest
[[nodiscard]] std::optional<SignatureSet> add_to_set(const std::optional<RawManifest>& theirs, const RawManifest& ours);

/// The sets of one signature each, as referrers of `image`: with a `subject`, for the registries that list them.
/// @param already what refers to the image: signatures in it are left out
[[nodiscard]] std::vector<SignatureSet> referrers_of(const RawManifest& image, const RawManifest& set,
                                                     const std::vector<RawManifest>& already);

/// How many signatures a set holds.
[[nodiscard]] std::size_t signatures_in(const RawManifest& set);

}  // namespace overdrive
