#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "builder-images/artifact/image_place.hpp"
#include "builder-images/artifact/transfer/referrer_list.hpp"

namespace overdrive {

/// What became of an attachment.
struct Attached {
    Digest manifest;      ///< that names the image as its subject
    bool is_new = false;  ///< it was not there before
};

/// Puts a small blob that is in memory, unless it is there.
void put_text(ImageWriter& to, std::string_view media_type, const std::string& text);

/// Attaches a file to an image: a manifest with the image as its subject and, where the registry lists no referrers, an
/// entry in the index under the tag `sha256-<hex>`. The image itself stays as it is, and so does all else that is
/// attached to it.
/// @throws Error what the registry refuses; busy when others keep overwriting the list
Attached attach_file(ImageWriter& to, const RawManifest& image, const Attachment& attachment);

/// Adds a signed statement to those that cosign finds under the tag `sha256-<hex>.att`.
/// @return whether it was not there before
bool add_attestation(ImageWriter& to, const RawManifest& image, const std::string& envelope,
                     const std::string& predicate_type);

/// The file of this type that was attached last; nullopt: there is none.
/// @throws Error bad_manifest when the manifest has not exactly one file, or that is larger than 64 MiB
[[nodiscard]] std::optional<Attachment> attached_file(ImageReader& place, const Digest& image,
                                                      const std::string& artifact_type);

}  // namespace overdrive
