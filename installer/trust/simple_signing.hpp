#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/digest.hpp"

namespace overdrive {

/// The payload that cosign signs for an image ("simple signing"). Podman's and skopeo's sigstore signatures have the
/// same one; `atomic container signature`, which travels inside OpenPGP, is another kind and refused.
/// @see containers/image docs/containers-signature.5.md; sigstore/cosign specs/SIGNATURE_SPEC.md
struct SimpleSigning {
    std::string
        identity;  ///< critical.identity.docker-reference: `registry.example/overdrive/nvidia-coreos`, maybe with a tag
    Digest manifest_digest;                            ///< critical.image.docker-manifest-digest
    std::optional<std::uint64_t> serial;               ///< optional["org.overdrive.serial"], decimal: newer is greater
    std::map<std::string, std::string> annotations{};  ///< the other strings of `optional`

    /// @param payload at most 64 KiB; members that cosign does not write are refused, but numbers in `optional`, which
    ///        nothing here goes by, are left out
    /// @throws Error untrusted: not this kind of payload, a member missing, unknown, doubled or malformed, too large
    [[nodiscard]] static SimpleSigning parse(std::string_view payload);
    /// The bytes to sign, as cosign writes them: Go's encoding/json without white space.
    [[nodiscard]] std::string to_json() const;
};

/// The member of `optional` that makes going back noticeable: `cosign sign -a org.overdrive.serial=7`.
inline constexpr const char* kSerialAnnotation = "org.overdrive.serial";

}  // namespace overdrive
