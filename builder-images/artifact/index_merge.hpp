#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "builder-images/artifact/image_place.hpp"
#include "builder-images/artifact/manifest_links.hpp"

namespace overdrive {

/// The document of an OCI image index with these entries.
[[nodiscard]] std::string index_document(const nlohmann::ordered_json& manifests);

/// Puts the manifests of `ours` into the index that a tag has: entries of the same platform are replaced, with what
/// refers to them (attestations), all others stay as they are, byte for byte.
///
/// When nothing of `theirs` stays the result is `ours` itself, when `theirs` has all of `ours` it is `theirs`: then the
/// digest is preserved. Otherwise it is a new index, its entries in the order of their platforms.
/// @param ours   an index
/// @param theirs an index; nullopt: the tag is not there yet
/// @throws Error bad_manifest
[[nodiscard]] RawManifest merge_index(const RawManifest& ours, const std::optional<RawManifest>& theirs);

/// An index of one manifest, for one that has none around it.
[[nodiscard]] RawManifest index_around(const BlobDescriptor& manifest, const std::string& os,
                                       const std::string& architecture);

/// The entries of `index` that are not in `ours`: what a merge kept from before.
[[nodiscard]] std::vector<IndexEntry> entries_not_of(const RawManifest& ours, const RawManifest& index);

}  // namespace overdrive
