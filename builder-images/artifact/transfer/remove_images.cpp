#include "builder-images/artifact/transfer/remove_images.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "builder-images/artifact/manifest_links.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kCompanion = "sha256-";  ///< tags of signatures, attestations and referrers begin so

/// A tag's image: the manifest or index, and what an index names.
struct Image {
    Digest top;
    std::vector<Digest> all;
};

class Removal {
public:
    Removal(ImageReader& place, ImageRemover& remover, const std::vector<std::string>& tags, std::size_t most,
            bool dry_run)
        : place_{place},
          remover_{remover},
          wanted_{tags.begin(), tags.end()},
          dry_run_{dry_run},
          tags_{place.tags(most)} {
        for (const std::string& tag : tags_) {
            if (tag.starts_with(kCompanion)) continue;
            if (auto image = look(tag)) images_.emplace(tag, std::move(*image));
        }
    }

    TagRemoval remove(const std::string& tag) {
        TagRemoval told{.tag = tag};
        const auto found = images_.find(tag);
        if (found == images_.end()) return told;
        const Image image = found->second;
        told.digest = image.top;
        const std::string sharer = other_tag_of(image.top);
        if (!remove_tag(tag, image.top, sharer)) {
            told.kept_because = fmt::format(
                "the registry removes images only by their digest, and '{}' names it too; remove that tag as well",
                sharer);
            return told;
        }
        told.removed = true;
        images_.erase(tag);
        told.signatures = remove_companions(image);
        return told;
    }

private:
    std::optional<Image> look(const std::string& tag) {
        const auto manifest = place_.tagged(tag);
        if (!manifest) return std::nullopt;
        Image image{manifest->digest, {manifest->digest}};
        for (const IndexEntry& entry : links_of(*manifest).manifests) image.all.push_back(entry.manifest.digest);
        return image;
    }

    /// Another tag of the image, or of an index that names it, that is to stay; empty when there is none.
    std::string other_tag_of(const Digest& digest) const {
        const auto other = std::find_if(images_.begin(), images_.end(), [&](const auto& entry) {
            const std::vector<Digest>& all = entry.second.all;
            return std::find(all.begin(), all.end(), digest) != all.end() && !wanted_.contains(entry.first);
        });
        return other == images_.end() ? std::string{} : other->first;
    }

    bool remove_tag(const std::string& tag, const Digest& digest, const std::string& sharer) {
        if (dry_run_) return true;
        if (remover_.remove_tag(tag)) return true;
        if (!sharer.empty()) return false;
        remover_.remove_manifest(digest);
        return true;
    }

    /// Tags of signatures of what no remaining tag names.
    std::vector<std::string> remove_companions(const Image& image) {
        std::set<std::string> used;
        for (const auto& [tag, other] : images_)
            for (const Digest& digest : other.all) used.insert(prefix(digest));
        std::vector<std::string> removed;
        for (const Digest& digest : image.all) {
            if (used.contains(prefix(digest))) continue;
            for (const std::string& tag : tags_) {
                if (!tag.starts_with(prefix(digest))) continue;
                if (!dry_run_) remove_companion(tag);
                removed.push_back(tag);
            }
        }
        return removed;
    }

    void remove_companion(const std::string& tag) {
        if (remover_.remove_tag(tag)) return;
        if (const auto manifest = place_.tagged(tag)) remover_.remove_manifest(manifest->digest);
    }

    static std::string prefix(const Digest& digest) { return fmt::format("{}{}", kCompanion, digest.hex()); }

    ImageReader& place_;
    ImageRemover& remover_;
    std::set<std::string> wanted_;
    bool dry_run_;
    std::vector<std::string> tags_;
    std::map<std::string, Image> images_;
};

}  // namespace

std::vector<TagRemoval> remove_images(ImageReader& place, ImageRemover& remover, const std::vector<std::string>& tags,
                                      std::size_t most, bool dry_run) {
    Removal removal{place, remover, tags, most, dry_run};
    std::vector<TagRemoval> told;
    for (const std::string& tag : tags) told.push_back(removal.remove(tag));
    return told;
}

}  // namespace overdrive
