#pragma once

#include <cstdint>
#include <string>

#include "model/delta_table.hpp"
#include "model/driver_manifest.hpp"
#include "support/root.hpp"

namespace overdrive {

/// User space as it was unpacked, and what driver.json says of it.
struct UserSpaceTree {
    const Root& files;
    const DriverManifest& manifest;
    Digest layer;
};

/// Files of the new tree, and their bytes.
struct FileCount {
    std::size_t files = 0;
    std::uint64_t bytes = 0;

    void add(const FileSpec& file) {
        ++files;
        bytes += file.size;
    }
};

/// What a delta is made of.
struct DeltaSummary {
    DeltaTable table;
    FileCount same{};     ///< that the old tree has
    FileCount patched{};  ///< made of old files
    FileCount whole{};    ///< that the old tree has nothing like
};

/// The file in its working directory that `write_delta` leaves.
inline constexpr const char* kDeltaFile = "delta";

/// Writes the delta from one tree to another into `work`. The same trees and level give the same bytes with the same
/// zstd. Holds one slice and one piece, whatever the files' sizes.
/// @throws Error io; bad_manifest when it would have more files or pieces than nodes take
[[nodiscard]] DeltaSummary write_delta(const UserSpaceTree& from, const UserSpaceTree& to, int zstd_level,
                                       const Root& work);

/// Bytes of the delta that lies in `work`.
[[nodiscard]] std::uint64_t delta_bytes(const Root& work);

/// Applies the delta in `work` as a node does, to nowhere, and sees that each file hashes to what driver.json says.
/// @throws Error digest_mismatch, bad_archive: it must not be published
void check_delta(const UserSpaceTree& from, const UserSpaceTree& to, const Root& work);

}  // namespace overdrive
