#include "builder-images/artifact/transfer/copy_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "builder-images/artifact/index_merge.hpp"
#include "builder-images/artifact/manifest_links.hpp"
#include "builder-images/artifact/transfer/image_signatures.hpp"

namespace overdrive {

namespace {

constexpr int kMostDepth = 3;
constexpr std::size_t kMostManifests = 256;
constexpr int kMostOverwritten = 5;

void collect(ImageReader& from, const RawManifest& manifest, int depth, std::set<Digest>& seen,
             std::vector<RawManifest>& out) {
    if (!seen.insert(manifest.digest).second) return;
    if (depth > kMostDepth || seen.size() > kMostManifests)
        throw Error{Errc::bad_manifest, fmt::format("{}: the index names indexes without end", from.name())};
    for (const IndexEntry& entry : links_of(manifest).manifests) {
        const auto child = from.manifest(entry.manifest.digest);
        if (!child) {
            throw Error{Errc::incomplete_artifact, fmt::format("{}: manifest {} is in the index, but it is not there",
                                                               from.name(), entry.manifest.digest.text())};
        }
        collect(from, *child, depth + 1, seen, out);
    }
    out.push_back(manifest);
}

/// The manifest of one architecture, out of an index or by itself.
RawManifest only_architecture(ImageReader& from, const RawManifest& top, const std::string& architecture) {
    const ManifestLinks links = links_of(top);
    if (!links.is_index && architecture_of(from, links) == architecture) return top;
    for (const IndexEntry& entry : links.manifests) {
        if (entry.os != "linux" || entry.architecture != architecture) continue;
        if (const auto found = from.manifest(entry.manifest.digest)) return *found;
    }
    throw Error{Errc::no_artifact, fmt::format("{}: the image has nothing for {}", from.name(), architecture)};
}

/// An index of what a tag names, so that it can be merged with another.
RawManifest as_index(ImageReader& place, const RawManifest& top) {
    const ManifestLinks links = links_of(top);
    if (links.is_index) return top;
    const std::string architecture = architecture_of(place, links);
    if (architecture.empty()) {
        throw Error{Errc::bad_manifest, fmt::format("{}: manifest {} says no architecture, so that nothing can be "
                                                    "put beside it",
                                                    place.name(), top.digest.text())}
            .with_remedy("push with --replace, or under a tag of its own");
    }
    return index_around(top.descriptor(), "linux", architecture);
}

class Copy {
public:
    Copy(ImageReader& from, ImageWriter& to, const CopyOptions& options, Progress& progress)
        : from_{from}, to_{to}, options_{options}, progress_{progress} {}

    CopyReport run(const RawManifest& top) {
        brought_ = manifests_below(from_, top);
        CopyReport report{.digest = top.digest, .brought = {}, .there = {}, .mounted = {}, .uploaded = {}, .kept = {}};
        for (const RawManifest& manifest : brought_) report.brought.push_back(manifest.digest);
        const std::vector<BlobDescriptor> missing = find_missing(report);
        if (options_.dry_run) return foretell(top, missing, std::move(report));
        put_blobs(missing, report);
        for (const RawManifest& manifest : brought_) to_.put_manifest(manifest);
        if (options_.signatures) {
            for (const RawManifest& manifest : brought_)
                report.signatures += copy_signatures(from_, to_, manifest, origin());
        }
        put_tag(top, report);
        return report;
    }

private:
    [[nodiscard]] BlobOrigin origin() const {
        BlobOrigin origin;
        origin.host = options_.origin_host;
        origin.repository = options_.origin_repository;
        return origin;
    }

    /// Bytes that have to be sent again are shown once only.
    void show_moved(std::int64_t bytes) {
        moved_ += bytes;
        if (moved_ <= shown_) return;
        progress_.advance(static_cast<std::uint64_t>(moved_ - shown_));
        shown_ = moved_;
    }

    std::vector<BlobDescriptor> find_missing(CopyReport& report) {
        std::set<Digest> seen;
        std::vector<BlobDescriptor> missing;
        for (const RawManifest& manifest : brought_) {
            for (const BlobDescriptor& blob : links_of(manifest).blobs) {
                if (!seen.insert(blob.digest).second) continue;
                if (to_.has_blob(blob)) {
                    report.there.add(blob);
                } else {
                    missing.push_back(blob);
                }
            }
        }
        return missing;
    }

    CopyReport foretell(const RawManifest& top, const std::vector<BlobDescriptor>& missing, CopyReport report) {
        for (const BlobDescriptor& blob : missing) report.uploaded.add(blob);
        const RawManifest final = merged(top);
        note_kept(top, final, report);
        if (options_.tag.empty()) return report;
        const auto now = to_.tagged(options_.tag);
        report.tag_changed = !now || now->digest != final.digest;
        return report;
    }

    void put_blobs(const std::vector<BlobDescriptor>& missing, CopyReport& report) {
        if (missing.empty()) return;
        std::uint64_t total = 0;
        for (const BlobDescriptor& blob : missing) total += blob.size;
        progress_.begin(fmt::format("{} -> {}", from_.name(), to_.name()), total);
        for (const BlobDescriptor& blob : missing) {
            BlobOrigin there = origin();
            there.read = [&](const ImageReader::Sink& sink) { from_.read_blob(blob, sink); };
            there.moved = [this](std::int64_t bytes) { show_moved(bytes); };
            const BlobMove move = to_.put_blob(blob, there);
            if (move == BlobMove::mounted) show_moved(static_cast<std::int64_t>(blob.size));
            (move == BlobMove::mounted ? report.mounted : report.uploaded).add(blob);
        }
        progress_.end();
    }

    /// What the tag is to point at: `top`, or an index that keeps what the tag has for other architectures.
    RawManifest merged(const RawManifest& top) {
        if (!options_.keep_other_architectures || options_.tag.empty()) return top;
        const auto theirs = to_.tagged(options_.tag);
        if (!theirs || theirs->digest == top.digest) return top;
        const RawManifest ours_as_index = as_index(from_, top);
        RawManifest merged = merge_index(ours_as_index, as_index(to_, *theirs));
        return merged.digest == ours_as_index.digest ? top : merged;
    }

    static void note_kept(const RawManifest& top, const RawManifest& final, CopyReport& report) {
        report.digest = final.digest;
        report.kept.clear();
        if (final.digest == top.digest) return;
        const ManifestLinks own = links_of(top);
        for (const IndexEntry& entry : links_of(final).manifests) {
            const bool ours = entry.manifest.digest == top.digest ||
                              std::any_of(own.manifests.begin(), own.manifests.end(), [&](const IndexEntry& each) {
                                  return each.manifest.digest == entry.manifest.digest;
                              });
            if (!ours) report.kept.push_back(entry.manifest.digest);
        }
    }

    void put_tag(const RawManifest& top, CopyReport& report) {
        for (int tries = 0; tries < kMostOverwritten; ++tries) {
            const RawManifest final = merged(top);
            note_kept(top, final, report);
            to_.put_manifest(final);
            if (options_.before_tag) options_.before_tag(brought_, final);
            if (options_.tag.empty()) return;
            report.tag_changed = to_.put_tag(options_.tag, final) || report.tag_changed;
            if (!options_.keep_other_architectures) return;
            const auto after = to_.tagged(options_.tag);
            if (after && after->digest == final.digest) return;
        }
        throw Error{Errc::busy, fmt::format("{}: others keep overwriting the tag '{}'", to_.name(), options_.tag)}
            .with_remedy("let one job at a time push a tag, or push each architecture under a tag of its own");
    }

    ImageReader& from_;
    ImageWriter& to_;
    const CopyOptions& options_;
    Progress& progress_;
    std::vector<RawManifest> brought_;
    std::int64_t moved_ = 0;
    std::int64_t shown_ = 0;
};

}  // namespace

std::vector<RawManifest> manifests_below(ImageReader& from, const RawManifest& top) {
    std::set<Digest> seen;
    std::vector<RawManifest> manifests;
    collect(from, top, 0, seen, manifests);
    return manifests;
}

CopyReport copy_image(ImageReader& from, const RawManifest& top, ImageWriter& to, const CopyOptions& options,
                      Progress& progress) {
    const RawManifest chosen = options.architecture ? only_architecture(from, top, *options.architecture) : top;
    CopyReport report = Copy{from, to, options, progress}.run(chosen);
    if (!options.dry_run) to.finish();
    return report;
}

}  // namespace overdrive
