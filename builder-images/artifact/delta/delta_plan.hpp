#pragma once

#include <cstdint>
#include <vector>

#include "model/delta_table.hpp"
#include "model/driver_manifest.hpp"

namespace overdrive {

/// The file of the old tree that is most like a new one: that of the same path or, whatever version numbers are in the
/// path, the one nearest in size. nullptr when there is none: the new file is taken as a whole.
[[nodiscard]] const FileSpec* find_old_file(const FileSpec& wanted, const DriverManifest& old_tree);

/// The pieces that a new file is made in, `frame_bytes` still 0. Each has the slice of the old file around the place
/// that is as far into that file, relatively. Within a branch that is as good as the whole file: measured, 10.0 MB
/// against 10.2 MB from 535.261.03 to 535.309.01.
/// @param old_bytes 0: there is no old file
[[nodiscard]] std::vector<DeltaPiece> plan_pieces(std::uint64_t new_bytes, std::uint64_t old_bytes);

/// Whether a delta spares enough to be published: it has at most half of the bytes of the layer that it stands for.
[[nodiscard]] constexpr bool is_worthwhile(std::uint64_t delta_bytes, std::uint64_t layer_bytes) noexcept {
    return delta_bytes <= layer_bytes / 2;
}

}  // namespace overdrive
