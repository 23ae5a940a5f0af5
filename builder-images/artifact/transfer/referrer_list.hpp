#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder-images/artifact/image_place.hpp"

namespace overdrive {

/// What is attached to an image: manifests that name it as their `subject`. Pure rules.
/// @see OCI image-spec manifest.md, "Guidelines for Artifact Usage"; distribution-spec, "Referrers Tag Schema"

/// Media type of a signed statement. @see secure-systems-lab/dsse envelope.md
inline constexpr const char* kEnvelopeType = "application/vnd.dsse.envelope.v1+json";
/// Media type and content of the configuration of a manifest that has none.
inline constexpr const char* kEmptyType = "application/vnd.oci.empty.v1+json";
inline constexpr const char* kEmptyContent = "{}";

/// A file that is attached to an image.
struct Attachment {
    std::string artifact_type;  ///< what finds it again
    std::string media_type;
    std::string title;  ///< the name that `oras pull` gives it
    std::string content;
};

/// The manifest that attaches a file to `subject`. The same file gives the same manifest: nothing in it is a time.
[[nodiscard]] RawManifest referrer_manifest(const BlobDescriptor& subject, const Attachment& attachment);

/// The list of referrers with one more, for registries that keep none themselves.
/// @param list what the referrers' tag has; nullopt: nothing yet
/// @return nullopt when it lists the manifest already @throws Error bad_manifest
[[nodiscard]] std::optional<RawManifest> add_referrer(const std::optional<RawManifest>& list,
                                                      const RawManifest& referrer, const Attachment& attachment);

/// The entries of a list of referrers that are of this type. @throws Error bad_manifest
[[nodiscard]] std::vector<BlobDescriptor> listed_referrers(std::string_view list, std::string_view artifact_type);

}  // namespace overdrive
