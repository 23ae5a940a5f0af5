#include "builder-images/artifact/transfer/attach_file.hpp"

#include <fmt/format.h>

#include "builder-images/artifact/manifest_links.hpp"
#include "builder-images/artifact/transfer/image_signatures.hpp"
#include "builder-images/artifact/transfer/signature_set.hpp"
#include "registry/signature_manifest.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr int kMostOverwritten = 5;
constexpr std::uint64_t kMostAttachedBytes = 64U << 20U;

/// Where the registry keeps no list of referrers, it is kept under a tag.
void list_by_tag(ImageWriter& to, const Digest& image, const RawManifest& referrer, const Attachment& attachment) {
    const std::string tag = referrers_tag(image);
    for (int tries = 0; tries < kMostOverwritten; ++tries) {
        const auto grown = add_referrer(to.tagged(tag), referrer, attachment);
        if (!grown) return;
        to.put_manifest(*grown);
        to.put_tag(tag, *grown);
    }
    if (add_referrer(to.tagged(tag), referrer, attachment))
        throw Error{Errc::busy, fmt::format("{}: others keep overwriting the list of referrers '{}'", to.name(), tag)};
}

}  // namespace

void put_text(ImageWriter& to, std::string_view media_type, const std::string& text) {
    const BlobDescriptor blob{std::string{media_type}, Digest::from_hex(sha256_hex(text)), text.size(), {}};
    if (to.has_blob(blob)) return;
    BlobOrigin origin;
    origin.read = [&](const ImageReader::Sink& sink) { sink(text); };
    to.put_blob(blob, origin);
}

Attached attach_file(ImageWriter& to, const RawManifest& image, const Attachment& attachment) {
    const RawManifest referrer = referrer_manifest(image.descriptor(), attachment);
    for (const BlobDescriptor& there : to.referrers(image.digest, attachment.artifact_type))
        if (there.digest == referrer.digest) return {referrer.digest, false};
    put_text(to, kEmptyType, kEmptyContent);
    put_text(to, attachment.media_type, attachment.content);
    to.put_manifest(referrer);
    if (!to.lists_referrers()) list_by_tag(to, image.digest, referrer, attachment);
    return {referrer.digest, true};
}

bool add_attestation(ImageWriter& to, const RawManifest& image, const std::string& envelope,
                     const std::string& predicate_type) {
    const std::string tag = fmt::format("{}.att", referrers_tag(image.digest));
    const RawManifest set = attestation_set(envelope, predicate_type).manifest;
    if (const auto there = to.tagged(tag); there && !add_to_set(there, set)) return false;
    put_text(to, kEnvelopeType, envelope);
    add_to_tag(to, tag, set);
    return true;
}

std::optional<Attachment> attached_file(ImageReader& place, const Digest& image, const std::string& artifact_type) {
    const std::vector<BlobDescriptor> referrers = place.referrers(image, artifact_type);
    if (referrers.empty()) return std::nullopt;
    const auto manifest = place.manifest(referrers.back().digest);
    if (!manifest) {
        throw Error{Errc::incomplete_artifact, fmt::format("{}: {} is listed as a referrer, but it is not there",
                                                           place.name(), referrers.back().digest.text())};
    }
    const ManifestLinks links = links_of(*manifest);
    if (links.blobs.size() != 2 || links.blobs[1].size > kMostAttachedBytes) {
        throw Error{Errc::bad_manifest, fmt::format("{}: {} does not attach exactly one file of at most 64 MiB",
                                                    place.name(), manifest->digest.text())};
    }
    Attachment attachment{artifact_type, links.blobs[1].media_type, {}, {}};
    place.read_blob(links.blobs[1], [&](std::string_view bytes) { attachment.content += bytes; });
    return attachment;
}

}  // namespace overdrive
