#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/digest.hpp"

namespace overdrive {

/// A piece of a new file: what its zstd frame makes of a slice of an old file.
struct DeltaPiece {
    std::uint64_t bytes = 0;         ///< of the new file
    std::uint64_t frame_bytes = 0;   ///< compressed, in the delta
    std::uint64_t slice_offset = 0;  ///< in the old file
    std::uint64_t slice_bytes = 0;   ///< of the old file, the frame's prefix; 0: the frame needs none

    friend bool operator==(const DeltaPiece&, const DeltaPiece&) = default;
};

/// A file that the old tree does not have as it is.
struct DeltaFile {
    std::string path;                  ///< in the new tree
    std::string old_path{};            ///< in the old one, where slices are; empty: no piece has one
    std::vector<DeltaPiece> pieces{};  ///< in order; none of an empty file

    [[nodiscard]] std::uint64_t size() const noexcept;  ///< bytes of the new file
    friend bool operator==(const DeltaFile&, const DeltaFile&) = default;
};

/// What a delta holds: how the user space of one driver version becomes that of another one. Files that are not listed
/// are in the old tree already, under whatever name: they are found by the digest that driver.json has for them.
///
/// The limits are what bounds a node's memory: it holds one slice, one frame and one piece at a time. Makers keep them,
/// `parse` refuses what does not. Every value has been checked by `parse`; whether the files are those of a driver.json
/// has not.
/// @see docs/delta.md
struct DeltaTable {
    static constexpr int kSchema = 1;
    static constexpr std::uint64_t kMostPieceBytes = 4U << 20U;
    static constexpr std::uint64_t kMostSliceBytes = 8U << 20U;
    /// More than zstd makes of a piece that it cannot make smaller.
    static constexpr std::uint64_t kMostFrameBytes = kMostPieceBytes + (64U << 10U);
    static constexpr std::uint64_t kMostFileBytes = 16ULL << 30U;
    static constexpr std::uint64_t kMostTableBytes = 4U << 20U;
    static constexpr std::size_t kMostFiles = 10'000;
    static constexpr std::size_t kMostPieces = 25'000;

    Digest from;                     ///< user-space layer that the old tree was unpacked from
    Digest to;                       ///< user-space layer that the new tree equals
    std::vector<DeltaFile> files{};  ///< sorted by path

    /// @throws Error bad_manifest naming the field: malformed, a path that is not plain or comes twice, a piece beyond
    ///         the limits, a newer `min_reader`
    [[nodiscard]] static DeltaTable parse(std::string_view json);
    /// One line; the same table gives the same bytes.
    [[nodiscard]] std::string to_json() const;
    friend bool operator==(const DeltaTable&, const DeltaTable&) = default;
};

}  // namespace overdrive
