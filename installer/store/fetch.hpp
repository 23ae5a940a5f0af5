#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/driver_manifest.hpp"
#include "model/offered_delta.hpp"
#include "ports/artifact_source.hpp"
#include "ports/content_guard.hpp"
#include "ports/progress.hpp"
#include "store/staging.hpp"
#include "store/store.hpp"

namespace overdrive {

/// What is in a staging tree after a fetch: every file of driver.json, verified, and nothing else.
struct FetchResult {
    DriverManifest manifest;
    std::string driver_json;               ///< the very bytes, for the signature
    std::optional<std::string> signature;  ///< content of driver.json.sig
    std::uint64_t bytes_downloaded = 0;    ///< compressed; 0 for an unpacked image
    bool reused_user_space = false;        ///< from a retained generation, by reflink or hard link
    std::uint64_t rehashed_bytes = 0;      ///< of reused user space, read and hashed again
    std::uint64_t vouched_bytes = 0;       ///< of reused user space, taken because the kernel guards it
    std::string not_reused;                ///< why a retained generation with equal user space was not reused
    std::optional<OfferedDelta> delta{};   ///< that user space was made with
    std::string delta_failed{};            ///< why one that was offered was of no use, so that all was fetched
};

/// Looks at driver.json before the large layer is fetched; throws to refuse (does not fit, not signed).
using ManifestCheck = std::function<void(const DriverManifest& manifest, const std::string& driver_json,
                                         const std::optional<std::string>& signature)>;

/// Sees, before anything is written, that there is room for what the artifact's layers announce; what one of them does
/// not announce is checked when its driver.json is known. @throws Error no_space; incomplete_artifact
void require_room_for(const ResolvedArtifact& artifact, const Store& store);

/// Fetches the two driver layers of an artifact into `staging`: the modules layer first, which holds driver.json; then
/// user space: from a retained generation that has the same layer, else by one of `deltas` from a generation that has
/// another one, else from the source as a whole. Whatever goes wrong with a delta is told in the result.
/// @param check  may be empty
/// @param deltas that the source offers, of any layers
/// @param guard  vouches for files of retained generations; not asked when the pair is installed: then something is
///               wrong with it, and damage that its files share must not come back
/// @throws Error digest_mismatch, truncated, bad_archive, bad_manifest, incomplete_artifact, unreachable, no_space, io;
///         what `check` threw
[[nodiscard]] FetchResult fetch_artifact(ArtifactSource& source, const ResolvedArtifact& artifact,
                                         const Staging& staging, const Store& store, Progress& progress,
                                         const ManifestCheck& check, std::span<const OfferedDelta> deltas = {},
                                         ContentGuard* guard = nullptr);

/// The same out of an image that is unpacked already: the container that we run in. Only files that driver.json lists
/// are taken; a file below /driver that it does not list is refused.
/// @param image root of the unpacked image, `/` of the container
[[nodiscard]] FetchResult copy_unpacked(const Root& image, const Staging& staging, const Store& store,
                                        Progress& progress, const ManifestCheck& check, ContentGuard* guard = nullptr);

/// Fetches the program layer into `staging` (`bin/overdrive` ...).
/// @throws Error incomplete_artifact when the artifact has none
void unpack_program(ArtifactSource& source, const ResolvedArtifact& artifact, const Staging& staging,
                    Progress& progress);

/// The commit record of what was fetched. @param artifact nullptr for an unpacked image
[[nodiscard]] GenerationInfo describe_generation(const FetchResult& fetched, const ResolvedArtifact* artifact,
                                                 std::string_view reference, std::chrono::seconds installed_at);

}  // namespace overdrive
