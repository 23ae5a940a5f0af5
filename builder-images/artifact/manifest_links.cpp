#include "builder-images/artifact/manifest_links.hpp"

#include <fmt/format.h>

#include "model/json_reader.hpp"
#include "registry/image_manifest.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr std::uint64_t kMostConfigBytes = 4U << 20U;

BlobDescriptor parse_descriptor(const JsonReader& reader, std::uint64_t most) {
    if (reader.has("urls")) reader.fail("urls", "is there: content that lies elsewhere cannot be moved");
    BlobDescriptor blob{reader.string("mediaType"), Digest::parse(reader.string("digest")), reader.number("size"), {}};
    if (blob.size > most) reader.fail("size", fmt::format("is {}; {} are allowed", blob.size, most));
    if (reader.has("annotations")) blob.annotations = reader.string_map("annotations");
    return blob;
}

IndexEntry parse_entry(const JsonReader& reader) {
    IndexEntry entry{parse_descriptor(reader, kMostManifestBytes), {}, {}, {}};
    if (const auto platform = reader.optional_object("platform")) {
        entry.os = platform->optional_string("os").value_or("");
        entry.architecture = platform->optional_string("architecture").value_or("");
        entry.variant = platform->optional_string("variant").value_or("");
    }
    return entry;
}

}  // namespace

ManifestLinks links_of(const RawManifest& manifest) {
    const std::string document = fmt::format("manifest {}", manifest.digest.text());
    const JsonReader reader = JsonReader::parse(manifest.bytes, document, Errc::bad_manifest);
    if (reader.has("manifests") && reader.has("layers")) reader.fail("manifests", "and layers are both there");
    ManifestLinks links;
    if (is_index_type(manifest.media_type)) {
        links.is_index = true;
        for (const JsonReader& entry : reader.objects("manifests")) links.manifests.push_back(parse_entry(entry));
    } else {
        links.blobs.push_back(parse_descriptor(reader.object("config"), kMostLayerBytes));
        links.config_media_type = links.blobs.front().media_type;
        for (const JsonReader& layer : reader.objects("layers"))
            links.blobs.push_back(parse_descriptor(layer, kMostLayerBytes));
        if (const auto annotations = reader.optional_object("annotations"))
            links.architecture = annotations->optional_string(kArchitectureAnnotation).value_or("");
    }
    if (const auto subject = reader.optional_object("subject"))
        links.subject = Digest::parse(subject->string("digest"));
    return links;
}

std::string architecture_of(ImageReader& place, const ManifestLinks& manifest) {
    if (!manifest.architecture.empty() || manifest.is_index) return manifest.architecture;
    if (manifest.blobs.front().size > kMostConfigBytes) return {};
    std::string config;
    place.read_blob(manifest.blobs.front(), [&](std::string_view piece) { config += piece; });
    return JsonReader::parse(config, "image configuration", Errc::bad_manifest)
        .optional_string("architecture")
        .value_or("");
}

RawManifest checked_manifest(std::string bytes, const std::string& announced, const std::string& document) {
    const JsonReader reader = JsonReader::parse(bytes, document, Errc::bad_manifest);
    if (reader.number("schemaVersion") != 2) reader.fail("schemaVersion", "is not 2");
    const std::string own = reader.optional_string("mediaType").value_or("");
    std::string type = announced;
    if (!is_index_type(type) && !is_manifest_type(type)) type = own;
    if (!is_index_type(type) && !is_manifest_type(type)) {
        throw Error{Errc::bad_manifest,
                    fmt::format("{} is a '{}', neither a manifest nor an index", document, announced.substr(0, 100))};
    }
    if (!own.empty() && own != type)
        reader.fail("mediaType", fmt::format("is '{}', but it was announced as '{}'", own.substr(0, 100), type));
    const Digest digest = Digest::from_hex(sha256_hex(bytes));
    return {std::move(bytes), std::move(type), digest};
}

}  // namespace overdrive
