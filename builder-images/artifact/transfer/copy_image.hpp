#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "builder-images/artifact/image_place.hpp"
#include "ports/progress.hpp"

namespace overdrive {

/// Blobs and their bytes.
struct BlobCount {
    std::size_t blobs = 0;
    std::uint64_t bytes = 0;

    void add(const BlobDescriptor& blob) {
        ++blobs;
        bytes += blob.size;
    }
};

/// What a copy moved, or would move.
struct CopyReport {
    Digest digest;                ///< what the tag points at when it is done
    std::vector<Digest> brought;  ///< the manifests and indexes that were copied
    BlobCount there, mounted, uploaded;
    std::size_t signatures = 0;  ///< that the image has at the destination when it is done
    bool tag_changed = false;
    std::vector<Digest> kept;  ///< manifests of other architectures that the tag had, and keeps
};

/// What is to be copied, and how.
struct CopyOptions {
    std::string tag;                            ///< at the destination; empty: none, the digest is its name
    std::optional<std::string> architecture{};  ///< only the manifest of this one, OCI spelling; nullopt: all
    bool signatures = true;
    /// A tag that is an index keeps the manifests of other architectures; otherwise it is replaced as a whole.
    bool keep_other_architectures = false;
    bool dry_run = false;
    std::string origin_host{};  ///< the registry that the image comes from, for mounting; empty: none
    std::string origin_repository{};
    /// Called before the tag points at `top`, with all that it names in place, as often as it has to be tried.
    /// @param brought what was copied; `top` may be a new index around it
    std::function<void(const std::vector<RawManifest>& brought, const RawManifest& top)> before_tag{};
};

/// Copies one image: blobs first, then manifests by their digest, signatures, the tag last. Digests are preserved.
///
/// An index that another pushes to at the same time is read again right before and right after it is written; when ours
/// is gone from it, it is merged and written again, a few times. No registry lets two writers exclude each other, so
/// that one who wrote between our reading and writing is only seen by its own reading after.
/// @param top the manifest or index to copy, from `from`
/// @throws Error bad_manifest, digest_mismatch, incomplete_artifact; what the registry refuses; busy when others keep
///         overwriting the tag
[[nodiscard]] CopyReport copy_image(ImageReader& from, const RawManifest& top, ImageWriter& to,
                                    const CopyOptions& options, Progress& progress);

/// An image and everything below it: manifests before the index that names them, `top` last.
/// @throws Error incomplete_artifact, bad_manifest (nested deeper or more than any image is)
[[nodiscard]] std::vector<RawManifest> manifests_below(ImageReader& from, const RawManifest& top);

}  // namespace overdrive
