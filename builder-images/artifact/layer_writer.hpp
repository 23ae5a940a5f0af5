#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "builder-images/artifact/source_tree.hpp"
#include "model/digest.hpp"
#include "support/root.hpp"

namespace overdrive {

/// A file of a layer that exists in memory only.
struct Document {
    std::string path;  ///< relative to the tree
    std::string content;
};

/// What goes into a layer: a tree that lies below `prefix` in the image, and documents among it.
struct LayerContent {
    const Root* tree = nullptr;  ///< not owned
    std::string prefix;          ///< `driver`
    std::vector<TreeEntry> entries;
    std::vector<Document> documents;
};

/// What came out, besides the compressed bytes.
struct LayerSummary {
    Digest diff_id;  ///< of the uncompressed tar
    std::uint64_t tar_bytes = 0;
};

/// In frames, a driver is 2 % smaller than at 3.
inline constexpr int kDefaultZstdLevel = 5;

/// Writes a layer, tar and zstd, to `sink`. The same content and level give the same bytes on every machine with the
/// same zstd and libarchive: sorted, uid and gid 0 without names, times 0, no extended attributes; zstd in frames,
/// whose bytes do not depend on how many cores compress (@see ZstdFrames).
///
/// Memory stays bounded; files are read once more and must still hash to what `entries` says.
///
/// @throws Error bad_archive when a file changed meanwhile; io; what `sink` threw
LayerSummary write_layer(const LayerContent& content, int zstd_level,
                         const std::function<void(std::string_view)>& sink);

}  // namespace overdrive
