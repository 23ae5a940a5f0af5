#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder-images/artifact/image_place.hpp"

namespace overdrive {

/// What an index says of one of its manifests.
struct IndexEntry {
    BlobDescriptor manifest;
    std::string os;            ///< empty when the entry names no platform
    std::string architecture;  ///< OCI spelling; empty when the entry names no platform
    std::string variant;
};

/// What a manifest or an index names.
struct ManifestLinks {
    bool is_index = false;
    std::vector<IndexEntry> manifests;  ///< of an index
    std::vector<BlobDescriptor> blobs;  ///< of a manifest: configuration and layers
    std::optional<Digest> subject{};    ///< of a referrer
    std::string config_media_type{};    ///< of a manifest
    std::string architecture{};         ///< of a manifest that says it, as pack writes it; empty: its configuration may
};

/// Reads any OCI or Docker schema 2 manifest or index, whatever its layers are.
/// @throws Error bad_manifest: malformed, of another type, layers that lie elsewhere (`urls`), sizes that cannot be
[[nodiscard]] ManifestLinks links_of(const RawManifest& manifest);

/// The architecture of a manifest that no index is asked about: as it says it, or else as its configuration does.
/// @return empty when neither says one
[[nodiscard]] std::string architecture_of(ImageReader& place, const ManifestLinks& manifest);

/// The media type that a manifest says it has or, when it does not, `announced`.
/// @throws Error bad_manifest when it contradicts `announced`, or neither says it
[[nodiscard]] RawManifest checked_manifest(std::string bytes, const std::string& announced,
                                           const std::string& document);

}  // namespace overdrive
