#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/digest.hpp"

namespace overdrive {

/// The payload that cosign signs for an image ("simple signing").
/// @see containers/image docs/atomic-signature.md; sigstore/cosign specs/SIGNATURE_SPEC.md
struct SimpleSigning {
    std::string
        identity;  ///< critical.identity.docker-reference: `registry.example/overdrive/nvidia-coreos`, maybe with a tag
    Digest manifest_digest;                            ///< critical.image.docker-manifest-digest
    std::optional<std::uint64_t> serial;               ///< optional["org.overdrive.serial"], decimal: newer is greater
    std::map<std::string, std::string> annotations{};  ///< the other strings of `optional`

    /// @throws Error untrusted: not this kind of payload, a member missing, doubled or malformed, too large
    [[nodiscard]] static SimpleSigning parse(std::string_view payload);
    /// The bytes to sign, as cosign writes them.
    [[nodiscard]] std::string to_json() const;
};

/// The annotation that carries the signature of a layer's payload, and the media type of that layer.
inline constexpr const char* kSignatureAnnotation = "dev.cosignproject.cosign/signature";
inline constexpr const char* kSignaturePayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
inline constexpr const char* kSerialAnnotation = "org.overdrive.serial";

/// `sha256-<hex>.sig`, the tag of an image's signatures.
[[nodiscard]] std::string signature_tag(const Digest& image);

}  // namespace overdrive
