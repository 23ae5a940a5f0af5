#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder-images/artifact/image_place.hpp"
#include "builder-images/artifact/image_remover.hpp"

namespace overdrive {

/// What became of one tag that was to be removed.
struct TagRemoval {
    std::string tag;
    std::optional<Digest> digest{};         ///< what it pointed at; nullopt: the tag was not there
    bool removed = false;                   ///< in a dry run: would be
    std::string kept_because{};             ///< why it is still there; empty when it is not
    std::vector<std::string> signatures{};  ///< the tags of signatures and attestations that went with it
};

/// Removes tags of a repository, and with the last tag of an image its signatures and attestations (`sha256-<hex>...`).
///
/// A registry that cannot remove a tag by itself is asked to remove the image by its digest, which takes all its tags:
/// then a tag is kept when another tag, one that is not to be removed, names the same image. Nothing else is touched;
/// blobs are the business of the registry's garbage collection.
/// @param place   what lies there; `remover` is the same place
/// @param most    most tags that the repository may have; every one is looked at
/// @throws Error bad_manifest beyond `most`; unreachable, login_refused; read_only when the registry removes nothing
[[nodiscard]] std::vector<TagRemoval> remove_images(ImageReader& place, ImageRemover& remover,
                                                    const std::vector<std::string>& tags, std::size_t most,
                                                    bool dry_run);

}  // namespace overdrive
