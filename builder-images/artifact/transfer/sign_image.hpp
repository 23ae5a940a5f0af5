#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "builder-images/artifact/image_place.hpp"
#include "ports/artifact_source.hpp"
#include "trust/signature.hpp"

namespace overdrive {

/// What a signature says besides the digest.
struct SignOptions {
    /// What is vouched for: `registry.example/overdrive/nvidia-coreos:TAG`, without the tag for an image named by
    /// digest.
    std::string identity;
    /// Newer is greater: nodes do not go back to a smaller one for a tag.
    std::uint64_t serial = 0;
    std::map<std::string, std::string> annotations{};
    bool allow_lower_serial = false;
};

/// Signs every manifest in `images` (an index and what it names) and adds the signatures to those that are there.
/// @return the digests that were signed
/// @throws Error usage: the serial is not greater than one that this key has signed for these images
std::vector<Digest> sign_images(ImageWriter& place, const std::vector<RawManifest>& images, const PrivateKey& key,
                                const SignOptions& options);

/// The signatures that a place has for an image, nothing about them checked; the newest last, at most kMostSignatures.
[[nodiscard]] std::vector<ImageSignature> read_signatures(ImageReader& place, const Digest& image);

/// A signature whose payload was read and whose key is the one asked about.
struct OwnSignature {
    std::string identity;
    std::optional<std::uint64_t> serial;
};

/// The signatures of an image by `key`, the newest last; what others signed is passed over. At most kMostSignatures are
/// looked at.
[[nodiscard]] std::vector<OwnSignature> signatures_by(ImageReader& place, const Digest& image, const PublicKey& key);

/// The greatest serial that `key` has signed for one of these images; nullopt when there is none.
[[nodiscard]] std::optional<std::uint64_t> greatest_serial(ImageReader& place, const std::vector<Digest>& images,
                                                           const PublicKey& key);

/// @throws Error usage when `serial` is not greater than `greatest`
void require_greater(std::uint64_t serial, const std::optional<std::uint64_t>& greatest, const std::string& identity);

}  // namespace overdrive
