#pragma once

#include <optional>
#include <span>
#include <vector>

#include "model/delta_table.hpp"
#include "model/driver_manifest.hpp"
#include "model/offered_delta.hpp"
#include "ports/artifact_source.hpp"
#include "ports/progress.hpp"
#include "store/reuse.hpp"
#include "store/staging.hpp"
#include "store/store.hpp"

namespace overdrive {

/// A delta that this node can use: a generation has what it starts from.
struct UsableDelta {
    OfferedDelta delta;
    Pair from;
};

/// The smallest of `offered` that makes the user-space layer `wanted` of what a generation has, if that is smaller than
/// the layer itself.
[[nodiscard]] std::optional<UsableDelta> find_usable_delta(std::span<const OfferedDelta> offered,
                                                           const LayerDescriptor& wanted, const Store& store);

/// What of a new tree is not in a delta's table: links, and files that the old tree has by the same digest.
/// @throws Error bad_manifest: the table lists what is no user-space file of `wanted`, or with another size, or leaves
///         out one that the old tree does not have
[[nodiscard]] std::vector<FileToClone> files_beside_delta(const DeltaTable& table, const DriverManifest& old_tree,
                                                          const DriverManifest& wanted);

/// Fetches a delta and makes the user-space files of `wanted` in `staging` with it: some of its frames and slices of
/// the generation's files, the rest shared with that generation as it is. Every file must hash to what `wanted` says.
/// Beside the queues of `run_stages` at most 16 MiB of memory are used, whatever the files' sizes.
/// @param guard vouches for files that are shared; see `clone_files`
/// @throws Error of any kind, since any byte of the delta and of the generation may be wrong
/// @post   after a throw `staging` has none of these files, so that the whole layer can be unpacked there
void apply_delta(ArtifactSource& source, const UsableDelta& usable, const Staging& staging, const Store& store,
                 const DriverManifest& wanted, Progress& progress, ContentGuard* guard = nullptr);

}  // namespace overdrive
