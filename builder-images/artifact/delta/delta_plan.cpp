#include "builder-images/artifact/delta/delta_plan.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace overdrive {

namespace {

/// A path without its version numbers: runs of digits and dots are all the same.
std::string shape_of(std::string_view path) {
    std::string shape;
    for (const char c : path) {
        const bool numeric = (c >= '0' && c <= '9') || c == '.';
        if (!numeric) shape += c;
        if (numeric && (shape.empty() || shape.back() != '#')) shape += '#';
    }
    return shape;
}

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

}  // namespace

const FileSpec* find_old_file(const FileSpec& wanted, const DriverManifest& old_tree) {
    const std::string shape = shape_of(wanted.path);
    const FileSpec* best = nullptr;
    for (const FileSpec& file : old_tree.files) {
        if (file.layer != LayerRole::user_space || file.is_link() || file.size == 0) continue;
        if (file.path == wanted.path) return &file;
        if (shape_of(file.path) != shape) continue;
        if (best == nullptr || distance(file.size, wanted.size) < distance(best->size, wanted.size)) best = &file;
    }
    return best;
}

std::vector<DeltaPiece> plan_pieces(std::uint64_t new_bytes, std::uint64_t old_bytes) {
    std::vector<DeltaPiece> pieces;
    const std::uint64_t slice = std::min(old_bytes, DeltaTable::kMostSliceBytes);
    for (std::uint64_t at = 0; at < new_bytes; at += DeltaTable::kMostPieceBytes) {
        const std::uint64_t bytes = std::min(new_bytes - at, DeltaTable::kMostPieceBytes);
        // The middle of the piece, as far into the old file as it is into the new one.
        const double share =
            (static_cast<double>(at) + static_cast<double>(bytes) / 2) / static_cast<double>(new_bytes);
        const auto middle = static_cast<std::uint64_t>(share * static_cast<double>(old_bytes));
        const std::uint64_t begin = std::min(middle - std::min(middle, slice / 2), old_bytes - slice);
        pieces.push_back({.bytes = bytes, .frame_bytes = 0, .slice_offset = begin, .slice_bytes = slice});
    }
    return pieces;
}

}  // namespace overdrive
