#include "builder-images/artifact/transfer/push_signer.hpp"

#include <algorithm>

#include "builder-images/artifact/manifest_links.hpp"

namespace overdrive {

namespace {

/// An image and the manifests that it names, whether they are there or not.
std::set<Digest> named_by(const RawManifest& image) {
    std::set<Digest> digests{image.digest};
    for (const IndexEntry& entry : links_of(image).manifests) digests.insert(entry.manifest.digest);
    return digests;
}

bool holds(const std::vector<RawManifest>& images, const Digest& digest) {
    return std::any_of(images.begin(), images.end(), [&](const RawManifest& image) { return image.digest == digest; });
}

}  // namespace

PushSigner::PushSigner(ImageWriter& place, const std::string& tag, const PrivateKey& key, SignOptions options,
                       bool asked_serial)
    : place_{place},
      key_{key},
      public_key_{key.public_key()},
      options_{std::move(options)},
      asked_serial_{asked_serial} {
    if (const auto before = place.tagged(tag)) before_ = named_by(*before);
    if (!options_.allow_lower_serial)
        require_greater(options_.serial, greatest_serial(place, {before_.begin(), before_.end()}, public_key_),
                        options_.identity);
    options_.allow_lower_serial = true;  // it has been looked at
}

bool PushSigner::is_signed(const Digest& image) {
    const std::vector<OwnSignature> own = signatures_by(place_, image, public_key_);
    return std::any_of(own.begin(), own.end(), [&](const OwnSignature& signature) {
        return signature.serial && signature.identity == options_.identity;
    });
}

void PushSigner::sign(const RawManifest& image) {
    if (std::find(signed_.begin(), signed_.end(), image.digest) != signed_.end()) return;
    if (!asked_serial_ && before_.contains(image.digest) && is_signed(image.digest)) return;
    sign_images(place_, {image}, key_, options_);
    signed_.push_back(image.digest);
}

void PushSigner::before_tag(const std::vector<RawManifest>& brought, const RawManifest& top) {
    for (const RawManifest& image : brought) sign(image);
    if (holds(brought, top.digest)) return;
    unsigned_others_.clear();
    for (const IndexEntry& entry : links_of(top).manifests) {
        const Digest& digest = entry.manifest.digest;
        if (!holds(brought, digest) && !is_signed(digest)) unsigned_others_.insert(digest);
    }
    if (unsigned_others_.empty()) sign(top);
}

}  // namespace overdrive
