#pragma once

#include <string>
#include <vector>

#include "builder-images/artifact/image_place.hpp"
#include "model/pair_index.hpp"

namespace overdrive {

/// What the index of a repository says of the image `top` with this tag: an entry for each architecture of linux, every
/// fact read from its manifest and its driver.json. `created` and `proof` are left empty.
/// @throws Error usage when the tag is not the one that nodes compute for the pair; what `inspect` throws
[[nodiscard]] std::vector<OfferedPair> pair_facts(ImageReader& place, const RawManifest& top, const std::string& tag);

}  // namespace overdrive
