#include "registry/signature_manifest.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/json_reader.hpp"
#include "registry/manifest_envelope.hpp"
#include "support/base64.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

/// What the descriptor carries of its content. What is not what the descriptor names counts as not carried.
/// @see OCI image-spec descriptor.md, "data"
std::optional<std::string> embedded_payload(const JsonReader& layer, const SignatureLayer& signature) {
    const auto data = layer.optional_string("data");
    auto payload = data ? decode_base64(*data) : std::nullopt;
    const bool is_it = payload && payload->size() == signature.size && sha256_hex(*payload) == signature.digest.hex();
    return is_it ? payload : std::nullopt;
}

/// The signature that a layer is; nullopt when it is something else or cannot be one.
std::optional<SignatureLayer> parse_layer(const JsonReader& layer) {
    if (layer.optional_string("mediaType") != kSignaturePayloadType) return std::nullopt;
    const auto annotations = layer.optional_object("annotations");
    const auto base64 = annotations ? annotations->optional_string(kSignatureAnnotation) : std::nullopt;
    if (!base64 || base64->empty()) return std::nullopt;
    refuse_urls(layer);
    const std::uint64_t size = layer.number("size");
    if (size == 0 || size > kMostSignaturePayload) return std::nullopt;
    SignatureLayer out{.digest = parse_digest(layer), .size = size, .base64 = *base64};
    out.payload = embedded_payload(layer, out);
    return out;
}

JsonReader parse_any(std::string_view json, const std::string& document) {
    if (json.size() > kMostManifestBytes)
        throw Error{Errc::bad_manifest, fmt::format("{}: larger than {} bytes", document, kMostManifestBytes)};
    return JsonReader::parse(json, document, Errc::bad_manifest);
}

}  // namespace

std::vector<SignatureLayer> parse_signature_manifest(std::string_view json, std::string_view media_type,
                                                     const std::string& document) {
    if (!is_manifest_type(media_type)) {
        throw Error{Errc::bad_manifest, fmt::format("{}: '{}' is not the media type of a manifest with signatures",
                                                    document, media_type.substr(0, 100))};
    }
    const JsonReader reader = parse_envelope(json, media_type, document);
    if (reader.has("manifests")) reader.fail("manifests", "are in a manifest with signatures");
    const std::vector<JsonReader> layers = reader.objects("layers");
    std::vector<SignatureLayer> newest_first;
    for (auto layer = layers.rbegin(); layer != layers.rend() && newest_first.size() < kMostSignatures; ++layer) {
        if (auto signature = parse_layer(*layer)) newest_first.push_back(std::move(*signature));
    }
    std::reverse(newest_first.begin(), newest_first.end());
    return newest_first;
}

std::vector<ManifestDescriptor> parse_referrers(std::string_view json, const std::string& document) {
    const JsonReader reader = parse_any(json, document);
    if (reader.has("layers")) reader.fail("layers", "are in an index");
    const std::vector<JsonReader> entries = reader.objects("manifests");
    std::vector<ManifestDescriptor> newest_first;
    for (auto entry = entries.rbegin(); entry != entries.rend() && newest_first.size() < kMostSignatureManifests;
         ++entry) {
        if (entry->optional_string("artifactType") == kSignatureArtifactType)
            newest_first.push_back(parse_index_entry(*entry));
    }
    std::reverse(newest_first.begin(), newest_first.end());
    return newest_first;
}

std::optional<Digest> parse_subject(std::string_view json, const std::string& document) {
    const auto subject = parse_any(json, document).optional_object("subject");
    return subject ? std::optional{parse_digest(*subject)} : std::nullopt;
}

std::string signature_tag(const Digest& image) { return fmt::format("sha256-{}.sig", image.hex()); }

std::string referrers_tag(const Digest& image) { return fmt::format("sha256-{}", image.hex()); }

}  // namespace overdrive
