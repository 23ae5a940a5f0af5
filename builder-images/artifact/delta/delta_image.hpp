#pragma once

#include <string>

#include "builder-images/artifact/image_place.hpp"
#include "model/delta_table.hpp"
#include "model/offered_delta.hpp"

namespace overdrive {

/// Where a delta lies in a repository: an OCI artifact of its own, without configuration, whose one layer is the delta.
/// What the pair index says of it stands in its annotations.
/// @see OCI image-spec manifest.md, "Guidelines for Artifact Usage"

/// The tag of a delta: `delta_535.261.03_535.309.01_` and twelve digits of each layer. No pair has such a tag.
[[nodiscard]] std::string tag_of(const OfferedDelta& delta);

/// The manifest of a delta. The same delta gives the same manifest. `delta.manifest` is not looked at.
[[nodiscard]] RawManifest delta_manifest(const OfferedDelta& delta);

/// Whether a manifest is that of a delta, whatever it says.
[[nodiscard]] bool is_delta(const RawManifest& manifest);

/// What the manifest of a delta says. @throws Error bad_manifest
[[nodiscard]] OfferedDelta parse_delta_manifest(const RawManifest& manifest);

/// The table of a delta, which is read and hashed to its end.
/// @throws Error bad_manifest also when it leads elsewhere than its manifest says; what reading a blob throws
[[nodiscard]] DeltaTable read_delta_table(ImageReader& place, const OfferedDelta& delta);

}  // namespace overdrive
