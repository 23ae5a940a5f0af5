#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "builder-images/artifact/image_place.hpp"

namespace overdrive {

/// All signatures that a place has for an image: those under the tag `sha256-<hex>.sig` and those that refer to it.
/// @return a manifest that names them, at the place only when it is the one under the tag; nullopt: there are none
[[nodiscard]] std::optional<RawManifest> signatures_of(ImageReader& place, const Digest& image);

/// Adds signatures to those that an image has at `to`, under the tag `sha256-<hex>.sig` and, where the registry lists
/// them, as referrers. None is ever lost: the tag is read right before and right after it is written.
/// @param image       the manifest or index that is signed; it need not be there yet
/// @param set         manifest whose layers are the signatures
/// @param payload     gives the payload of a layer of `set` that is missing at `to`
/// @return how many the image then has there under the tag
/// @throws Error what the registry refuses; busy when others keep overwriting the tag
std::size_t add_signatures(ImageWriter& to, const RawManifest& image, const RawManifest& set,
                           const std::function<BlobOrigin(const BlobDescriptor&)>& payload);

/// Adds the layers of `set` to those that a tag of cosign's has; their blobs are at the place already.
/// @return how many it then has @throws Error busy when others keep overwriting the tag
std::size_t add_to_tag(ImageWriter& to, const std::string& tag, const RawManifest& set);

/// Copies all signatures of an image. @param origin where blobs may be mounted from
/// @return how many the image has at `to` then
std::size_t copy_signatures(ImageReader& from, ImageWriter& to, const RawManifest& image, const BlobOrigin& origin);

}  // namespace overdrive
