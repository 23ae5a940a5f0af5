#include "registry/pair_index_manifest.hpp"

#include <fmt/format.h>

#include "model/pair_index.hpp"
#include "registry/image_manifest.hpp"
#include "registry/manifest_envelope.hpp"

namespace overdrive {

DocumentBlob parse_pair_index_manifest(std::string_view json, std::string_view media_type,
                                       const std::string& document) {
    if (!is_manifest_type(media_type)) {
        throw Error{Errc::bad_manifest,
                    fmt::format("{}: '{}' is not the media type of a manifest", document, media_type.substr(0, 100))};
    }
    const JsonReader reader = parse_envelope(json, media_type, document);
    const auto type = reader.optional_string("artifactType");
    if (type != kPairIndexArtifactType)
        reader.fail("artifactType", fmt::format("is '{}', not that of a pair index", type.value_or("").substr(0, 100)));
    const auto layers = reader.objects("layers");
    if (layers.size() != 1) reader.fail("layers", fmt::format("are {}, a pair index has one", layers.size()));
    const JsonReader& layer = layers.front();
    refuse_urls(layer);
    if (layer.string("mediaType") != kPairIndexType) layer.fail("mediaType", "is not that of a pair index");
    return {.digest = parse_digest(layer), .size = parse_size(layer, PairIndex::kMostBytes)};
}

}  // namespace overdrive
