#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/digest.hpp"
#include "registry/image_manifest.hpp"

namespace overdrive {

/// The annotation that carries the signature of a layer's payload, and the media type of that layer.
inline constexpr const char* kSignatureAnnotation = "dev.cosignproject.cosign/signature";
inline constexpr const char* kSignaturePayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
/// `artifactType` of a manifest that holds signatures of its subject.
inline constexpr const char* kSignatureArtifactType = "application/vnd.dev.cosign.artifact.sig.v1+json";
/// At most so many manifests with signatures are read for one image.
inline constexpr std::size_t kMostSignatureManifests = 16;

/// A signature as its manifest names it: the payload is the blob, the signature stands beside it.
struct SignatureLayer {
    Digest digest;  ///< of the payload
    std::uint64_t size = 0;
    std::string base64;
    /// The payload itself, where the descriptor has it (`data`) and it is of this size and digest: no request is
    /// needed.
    std::optional<std::string> payload{};
};

/// The signatures that a manifest of cosign holds: the last kMostSignatures layers that are one, however many layers
/// there are. Layers of other kinds, without a signature, or with a payload over kMostSignaturePayload are left out.
/// @param media_type what the transport said it is
/// @throws Error bad_manifest as parse_index
[[nodiscard]] std::vector<SignatureLayer> parse_signature_manifest(std::string_view json, std::string_view media_type,
                                                                   const std::string& document);

/// The manifests with signatures in an index of referrers, or in a layout's index.json: the last
/// kMostSignatureManifests of that artifactType. Others are not looked at.
/// @throws Error bad_manifest as parse_index
/// @see OCI distribution-spec, "Listing Referrers"
[[nodiscard]] std::vector<ManifestDescriptor> parse_referrers(std::string_view json, const std::string& document);

/// The image that a manifest refers to (`subject`); nullopt when it names none.
/// @throws Error bad_manifest
[[nodiscard]] std::optional<Digest> parse_subject(std::string_view json, const std::string& document);

/// `sha256-<hex>.sig`, the tag of an image's signatures.
[[nodiscard]] std::string signature_tag(const Digest& image);

/// `sha256-<hex>`: where referrers are listed when the registry does not list them itself.
/// @see OCI distribution-spec, "Referrers Tag Schema"
[[nodiscard]] std::string referrers_tag(const Digest& image);

}  // namespace overdrive
