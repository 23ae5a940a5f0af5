#include "registry/manifest_envelope.hpp"

#include <fmt/format.h>

#include "registry/image_manifest.hpp"

namespace overdrive {

JsonReader parse_envelope(std::string_view json, std::string_view media_type, const std::string& document) {
    if (json.size() > kMostManifestBytes) {
        throw Error{Errc::bad_manifest, fmt::format("{}: larger than {} bytes", document, kMostManifestBytes)};
    }
    JsonReader reader = JsonReader::parse(json, document, Errc::bad_manifest);
    if (reader.number("schemaVersion") != 2) reader.fail("schemaVersion", "is not 2");
    if (reader.has("manifests") && reader.has("layers")) reader.fail("manifests", "and layers are both there");
    const auto own_type = reader.optional_string("mediaType");
    if (own_type && *own_type != media_type) {
        reader.fail("mediaType",
                    fmt::format("is '{}', but it was announced as '{}'", own_type->substr(0, 100), media_type));
    }
    return reader;
}

Digest parse_digest(const JsonReader& descriptor) {
    const std::string text = descriptor.string("digest");
    try {
        return Digest::parse(text);
    } catch (const Error& error) {
        descriptor.fail("digest", fmt::format("is refused: {}", error.what()));
    }
}

std::uint64_t parse_size(const JsonReader& descriptor, std::uint64_t most) {
    const std::uint64_t size = descriptor.number("size");
    if (size == 0) descriptor.fail("size", "is 0");
    if (size > most) descriptor.fail("size", fmt::format("is {}, more than the {} that are allowed", size, most));
    return size;
}

void refuse_urls(const JsonReader& descriptor) {
    if (descriptor.has("urls")) {
        descriptor.fail("urls", "is there: content that lies elsewhere (a foreign layer) is refused");
    }
}

}  // namespace overdrive
