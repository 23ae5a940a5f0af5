#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/delta_table.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {

/// A delta between two samples. Change its fields before `bytes` to make a wrong one.
struct DeltaMaker {
    /// Each file that differs is one piece: with the old file of the same path as its slice, or with none.
    DeltaMaker(const SampleArtifact& from, const SampleArtifact& to);

    DeltaTable table;
    std::vector<std::string> frames;  ///< of all pieces, in the table's order

    [[nodiscard]] std::string bytes() const;
};

/// A zstd frame of `bytes` with `prefix` before them. @param window_log 0: as zstd likes it
[[nodiscard]] std::string delta_frame(std::string_view bytes, std::string_view prefix, int window_log = 0);

}  // namespace overdrive
