#pragma once

#include <string>
#include <string_view>

#include "ports/document_blob.hpp"

namespace overdrive {

/// A pair index in a registry: a manifest of this artifactType, an empty configuration and one layer, the document.
/// @see OCI image-spec manifest.md, "Guidelines for Artifact Usage"
inline constexpr const char* kPairIndexArtifactType = "application/vnd.overdrive.pair-index.v1";
inline constexpr const char* kPairIndexType = "application/vnd.overdrive.pair-index.v1+json";
inline constexpr const char* kEmptyConfigType = "application/vnd.oci.empty.v1+json";
inline constexpr const char* kEmptyConfig = "{}";

/// The document that the manifest of a pair index names.
/// @param media_type what the transport said it is
/// @throws Error bad_manifest as parse_image_manifest, and: another artifact, not one layer, more than
///         PairIndex::kMostBytes
[[nodiscard]] DocumentBlob parse_pair_index_manifest(std::string_view json, std::string_view media_type,
                                                     const std::string& document);

}  // namespace overdrive
