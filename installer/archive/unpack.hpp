#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/driver_manifest.hpp"
#include "ports/artifact_source.hpp"
#include "ports/progress.hpp"

namespace overdrive {

/// What a layer may hold.
struct UnpackRules {
    std::string prefix;               ///< `driver/`: every member is below it; it is stripped
    std::uint64_t most_bytes = 0;     ///< of all files together, unpacked
    std::uint64_t most_members = 0;   ///< files, links and directories
    std::uint64_t most_top_file = 0;  ///< of one file directly in `prefix` (driver.json); 0 = no limit of its own
    /// The files that may come, by path; nullptr when that is not known yet. An unlisted one is refused at once, a
    /// listed one must be exactly as listed.
    const std::map<std::string, FileSpec, std::less<>>* expected = nullptr;
    /// With `expected`: the digest of the layer stands for its files, which are not hashed one by one. Only where
    /// whoever vouches for `expected` names that digest too: what differs in a bit is then another layer.
    bool layer_vouches = false;
};

/// One file or link that was written; mode, size and sha256 are of what is on the disk (sha256 by the layer's word
/// where that vouches).
struct UnpackedFile {
    std::string path;
    unsigned mode = 0644;
    std::uint64_t size = 0;
    std::string sha256;
    std::string link_target;
};

/// Streams one layer from `source` and unpacks it below `staging`: fetch and hash, decompress, and write run side by
/// side in threads over bounded queues of reused buffers: 4 MiB of what was fetched, and what DecodeAhead takes.
///
/// Regular files, directories and symbolic links that stay inside are written; anything else, any name that leaves
/// `staging` or is not plain ASCII, a name that comes twice, and bytes after the end of the archive are refused. Files
/// get mode 0644 or 0755 (by their owner-execute bit), owner root when we are root, and time 0; extended attributes,
/// access lists and set-user-id bits are never applied.
///
/// @param staging  directory descriptor, on the file system of its final place
/// @param progress told of compressed bytes; its begin() and end() are called here
/// @return         what was written, in the archive's order, directories left out
/// @throws Error   bad_archive naming the member; digest_mismatch, truncated, unreachable from the source, which win
///                 over bad_archive; digest_mismatch naming a file that is not as expected; io, no_space, read_only
/// @post           after a throw `staging` is half filled; its owner removes it
std::vector<UnpackedFile> unpack_layer(ArtifactSource& source, const LayerDescriptor& layer, int staging,
                                       const UnpackRules& rules, Progress& progress);

/// Gives all bytes of a layer to `sink`, as ArtifactSource::read_blob does.
using ReadLayer = std::function<void(const ArtifactSource::Sink& sink)>;
/// The same of a layer that is read in another way.
std::vector<UnpackedFile> unpack_layer(const ReadLayer& read, const LayerDescriptor& layer, int staging,
                                       const UnpackRules& rules, Progress& progress);

}  // namespace overdrive
