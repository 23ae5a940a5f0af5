#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "builder-images/artifact/delta/delta_writer.hpp"
#include "builder-images/artifact/image_place.hpp"
#include "model/offered_delta.hpp"
#include "ports/progress.hpp"

namespace overdrive {

/// An image that a delta leads from or to.
struct DeltaEnd {
    ImageReader& place;
    RawManifest image;
    std::string name;  ///< for messages
};

struct DeltaOptions {
    std::optional<std::string> architecture{};  ///< which one of several, OCI spelling
    int zstd_level = 3;
};

/// A delta that lies in a working directory, found to be right.
struct MadeDelta {
    OfferedDelta delta;
    DeltaSummary summary;
    std::uint64_t layer_bytes = 0;  ///< of the user-space layer that it stands for
};

/// Unpacks the user space of both images below `work`, makes the delta between them there (`kDeltaFile`) and applies it
/// once. Needs room for both trees.
/// @throws Error usage: both have the same user space, or other architectures; answer_is_no: it would not be
/// worthwhile;
///         what reading the images throws
[[nodiscard]] MadeDelta make_delta(const DeltaEnd& from, const DeltaEnd& to, const DeltaOptions& options,
                                   const Root& work, Progress& progress,
                                   const std::function<void(std::string_view)>& say);

/// Puts the delta of `work` into a place, under its tag. @return whether that changed anything
bool put_delta(ImageWriter& place, const OfferedDelta& delta, const Root& work, Progress& progress);

}  // namespace overdrive
