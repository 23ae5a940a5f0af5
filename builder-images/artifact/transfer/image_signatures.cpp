#include "builder-images/artifact/transfer/image_signatures.hpp"

#include <fmt/format.h>

#include <vector>

#include "builder-images/artifact/manifest_links.hpp"
#include "builder-images/artifact/transfer/attach_file.hpp"
#include "builder-images/artifact/transfer/signature_set.hpp"
#include "registry/signature_manifest.hpp"

namespace overdrive {

namespace {

constexpr int kMostOverwritten = 5;

std::vector<RawManifest> referring_sets(ImageReader& place, const Digest& image) {
    std::vector<RawManifest> sets;
    for (const BlobDescriptor& referrer : place.referrers(image, kSignatureArtifactType))
        if (auto set = place.manifest(referrer.digest)) sets.push_back(std::move(*set));
    return sets;
}

void put_set(ImageWriter& to, const SignatureSet& set) {
    put_text(to, kConfigType, set.config);
    to.put_manifest(set.manifest);
}

/// Whether `set` has nothing that `all` has not.
bool has_all(const std::optional<RawManifest>& all, const RawManifest& set) {
    return all && !add_to_set(all, set).has_value();
}

}  // namespace

std::optional<RawManifest> signatures_of(ImageReader& place, const Digest& image) {
    std::optional<RawManifest> all = place.tagged(signature_tag(image));
    for (const RawManifest& set : referring_sets(place, image)) {
        if (auto more = add_to_set(all, set)) all = std::move(more->manifest);
    }
    return all;
}

std::size_t add_signatures(ImageWriter& to, const RawManifest& image, const RawManifest& set,
                           const std::function<BlobOrigin(const BlobDescriptor&)>& payload) {
    const std::vector<BlobDescriptor> blobs = links_of(set).blobs;
    for (std::size_t i = 1; i < blobs.size(); ++i)  // behind the configuration
        if (!to.has_blob(blobs[i])) to.put_blob(blobs[i], payload(blobs[i]));
    if (to.lists_referrers()) {
        for (const SignatureSet& referrer : referrers_of(image, set, referring_sets(to, image.digest)))
            put_set(to, referrer);
    }
    return add_to_tag(to, signature_tag(image.digest), set);
}

std::size_t add_to_tag(ImageWriter& to, const std::string& tag, const RawManifest& set) {
    for (int tries = 0; tries < kMostOverwritten; ++tries) {
        const auto theirs = to.tagged(tag);
        const auto grown = add_to_set(theirs, set);
        if (!grown) return signatures_in(*theirs);
        put_set(to, *grown);
        to.put_tag(tag, grown->manifest);
        if (has_all(to.tagged(tag), set)) return signatures_in(grown->manifest);
    }
    throw Error{Errc::busy, fmt::format("{}: others keep overwriting the signatures '{}'", to.name(), tag)};
}

std::size_t copy_signatures(ImageReader& from, ImageWriter& to, const RawManifest& image, const BlobOrigin& origin) {
    const auto set = signatures_of(from, image.digest);
    if (!set || signatures_in(*set) == 0) return 0;
    return add_signatures(to, image, *set, [&](const BlobDescriptor& blob) {
        BlobOrigin there = origin;
        there.read = [&from, blob](const ImageReader::Sink& sink) { from.read_blob(blob, sink); };
        return there;
    });
}

}  // namespace overdrive
