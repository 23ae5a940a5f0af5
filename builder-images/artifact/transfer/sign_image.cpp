#include "builder-images/artifact/transfer/sign_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "builder-images/artifact/transfer/image_signatures.hpp"
#include "builder-images/artifact/transfer/signature_set.hpp"
#include "registry/signature_manifest.hpp"
#include "trust/simple_signing.hpp"

namespace overdrive {

namespace {

std::string payload_for(const Digest& image, const SignOptions& options) {
    return SimpleSigning{.identity = options.identity,
                         .manifest_digest = image,
                         .serial = options.serial,
                         .annotations = options.annotations}
        .to_json();
}

/// What a signature by `key` over `image` says; nullopt for all others.
std::optional<OwnSignature> read_own(const ImageSignature& signature, const Digest& image, const PublicKey& key) {
    if (!key.verifies(signature.payload, signature.base64)) return std::nullopt;
    try {
        SimpleSigning said = SimpleSigning::parse(signature.payload);
        if (said.manifest_digest != image) return std::nullopt;
        return OwnSignature{std::move(said.identity), said.serial};
    } catch (const Error&) {
        return std::nullopt;  // another kind of payload
    }
}

}  // namespace

std::vector<ImageSignature> read_signatures(ImageReader& place, const Digest& image) {
    const auto set = signatures_of(place, image);
    if (!set) return {};
    std::vector<ImageSignature> signatures;
    for (const SignatureLayer& layer :
         parse_signature_manifest(set->bytes, set->media_type, "signatures of " + image.text())) {
        ImageSignature signature{layer.payload.value_or(""), layer.base64};
        if (!layer.payload) {
            place.read_blob({kSignaturePayloadType, layer.digest, layer.size, {}},
                            [&](std::string_view bytes) { signature.payload += bytes; });
        }
        signatures.push_back(std::move(signature));
    }
    return signatures;
}

std::vector<OwnSignature> signatures_by(ImageReader& place, const Digest& image, const PublicKey& key) {
    std::vector<OwnSignature> own;
    for (const ImageSignature& signature : read_signatures(place, image))
        if (auto read = read_own(signature, image, key)) own.push_back(std::move(*read));
    return own;
}

std::optional<std::uint64_t> greatest_serial(ImageReader& place, const std::vector<Digest>& images,
                                             const PublicKey& key) {
    std::optional<std::uint64_t> greatest;
    for (const Digest& image : images) {
        for (const OwnSignature& signature : signatures_by(place, image, key))
            if (signature.serial) greatest = std::max(greatest.value_or(0), *signature.serial);
    }
    return greatest;
}

void require_greater(std::uint64_t serial, const std::optional<std::uint64_t>& greatest, const std::string& identity) {
    if (!greatest || serial > *greatest) return;
    throw Error{Errc::usage, fmt::format("serial {} is not greater than {}, which this key has signed for '{}' before",
                                         serial, *greatest, identity)}
        .with_remedy(
            "nodes take no smaller serial for a tag: leave --serial out (the seconds since the epoch), or give "
            "--allow-lower-serial");
}

std::vector<Digest> sign_images(ImageWriter& place, const std::vector<RawManifest>& images, const PrivateKey& key,
                                const SignOptions& options) {
    std::vector<Digest> digests;
    for (const RawManifest& image : images) digests.push_back(image.digest);
    if (!options.allow_lower_serial)
        require_greater(options.serial, greatest_serial(place, digests, key.public_key()), options.identity);
    for (const RawManifest& image : images) {
        const std::string payload = payload_for(image.digest, options);
        const SignatureSet set = signature_set(payload, key.sign(payload));
        add_signatures(place, image, set.manifest, [&](const BlobDescriptor& /*layer*/) {
            BlobOrigin origin;
            origin.read = [&](const ImageReader::Sink& sink) { sink(payload); };
            return origin;
        });
    }
    return digests;
}

}  // namespace overdrive
