#include "registry/layout_source.hpp"

#include <fmt/format.h>

#include <iterator>

#include "model/pair_index.hpp"
#include "registry/blob_check.hpp"
#include "registry/image_manifest.hpp"
#include "registry/pair_index_manifest.hpp"
#include "registry/signature_manifest.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";

std::string blob_path(const Digest& digest) { return fmt::format("blobs/sha256/{}", digest.hex()); }

/// Some tools write the tag alone, some the whole name.
bool is_tagged(const ManifestDescriptor& entry, const std::string& tag) {
    return entry.ref_name == tag || entry.ref_name.ends_with(":" + tag);
}

}  // namespace

OciLayoutSource::OciLayoutSource(SourceName name) : name_{std::move(name)} {}

LayoutFiles& OciLayoutSource::files() {
    if (!files_) {
        files_ = name_.kind == SourceName::Kind::layout ? open_layout_directory(name_.path)
                                                        : open_layout_archive(name_.path);
    }
    return *files_;
}

std::string OciLayoutSource::read_index() {
    std::string text;
    const bool found = files().stream("index.json", [&](std::string_view bytes) {
        text.append(bytes);
        if (text.size() > kMostManifestBytes) throw Error{Errc::bad_manifest, "index.json is larger than 4 MiB"};
    });
    if (!found) throw Error{Errc::bad_manifest, "there is no index.json in it: not an OCI image layout"};
    return text;
}

std::string OciLayoutSource::read_small(const Digest& digest, std::uint64_t size) {
    const std::string what = "blob " + digest.text();
    BlobCheck check{what, digest, size};
    std::string text;
    const bool found = files().stream(blob_path(digest), [&](std::string_view bytes) {
        check.take(bytes);
        text.append(bytes);
    });
    if (!found) throw Error{Errc::incomplete_artifact, what + " is missing in it"};
    check.finish();
    return text;
}

std::optional<ResolvedArtifact> OciLayoutSource::resolve_entry(const ManifestDescriptor& top, const std::string& tag,
                                                               const std::string& architecture) {
    const auto read_manifest = [&](const ManifestDescriptor& entry) {
        return parse_image_manifest(read_small(entry.digest, entry.size), entry.media_type,
                                    "manifest " + entry.digest.text());
    };
    const std::string reference = fmt::format("{}:{}", name_.text(), tag);
    if (is_index_type(top.media_type)) {
        const auto entries =
            parse_index(read_small(top.digest, top.size), top.media_type, "index " + top.digest.text());
        const ManifestDescriptor* entry = select_platform(entries, architecture);
        if (entry == nullptr) return std::nullopt;
        return ResolvedArtifact{.reference = reference,
                                .manifest_digest = entry->digest,
                                .layers = read_manifest(*entry).layers,
                                .index_digest = top.digest};
    }
    if (!top.architecture.empty() && (top.architecture != architecture || top.os != "linux")) return std::nullopt;
    ImageManifest manifest = read_manifest(top);
    const std::string config = read_small(manifest.config_digest, manifest.config_size);
    if (parse_config_architecture(config, "image configuration") != architecture) return std::nullopt;
    return ResolvedArtifact{reference, top.digest, std::move(manifest.layers)};
}

std::optional<ResolvedArtifact> OciLayoutSource::resolve(const std::string& tag, const std::string& architecture) {
    return attempting(name_.text(), [&]() -> std::optional<ResolvedArtifact> {
        for (const ManifestDescriptor& top : parse_index(read_index(), kIndexType, "index.json")) {
            if (!is_tagged(top, tag)) continue;
            auto artifact = resolve_entry(top, tag, architecture);
            if (artifact) return artifact;
        }
        return std::nullopt;
    });
}

std::vector<ManifestDescriptor> OciLayoutSource::signature_manifests(const Digest& image) {
    const std::string text = read_index();
    std::vector<ManifestDescriptor> out;
    for (ManifestDescriptor& entry : parse_index(text, kIndexType, "index.json")) {
        if (is_tagged(entry, signature_tag(image))) {
            out.push_back(std::move(entry));
        } else if (is_tagged(entry, referrers_tag(image)) && is_index_type(entry.media_type)) {
            const std::string index = read_small(entry.digest, entry.size);
            for (ManifestDescriptor& referrer : parse_referrers(index, "index " + entry.digest.text()))
                out.push_back(std::move(referrer));
        }
    }
    for (ManifestDescriptor& entry : parse_referrers(text, "index.json")) {
        const std::string manifest = read_small(entry.digest, entry.size);
        if (parse_subject(manifest, "manifest " + entry.digest.text()) == image) out.push_back(std::move(entry));
    }
    if (out.size() > kMostSignatureManifests) out.erase(out.begin(), out.end() - kMostSignatureManifests);
    return out;
}

std::vector<ImageSignature> OciLayoutSource::signatures(const ResolvedArtifact& artifact, const Enough& /*enough*/) {
    return attempting(name_.text(), [&] {
        std::vector<SignatureLayer> layers;
        const auto add = [&](const Digest& image) {
            for (const ManifestDescriptor& entry : signature_manifests(image)) {
                auto more = parse_signature_manifest(read_small(entry.digest, entry.size), entry.media_type,
                                                     "signatures " + entry.digest.text());
                std::move(more.begin(), more.end(), std::back_inserter(layers));
            }
        };
        if (artifact.index_digest) add(*artifact.index_digest);
        add(artifact.manifest_digest);
        if (layers.size() > kMostSignatures) layers.erase(layers.begin(), layers.end() - kMostSignatures);
        std::vector<ImageSignature> out;
        for (const SignatureLayer& layer : layers)
            out.push_back({.payload = layer.payload ? *layer.payload : read_small(layer.digest, layer.size),
                           .base64 = layer.base64});
        return out;
    });
}

void OciLayoutSource::read_blob(const LayerDescriptor& layer, const Sink& sink) {
    attempting(name_.text(), [&] {
        const std::string what = fmt::format("{} blob {}", to_string(layer.role), layer.digest.text());
        BlobCheck check{what, layer.digest, layer.size};
        const bool found = files().stream(blob_path(layer.digest), [&](std::string_view bytes) {
            check.take(bytes);
            sink(bytes);
        });
        if (!found) throw Error{Errc::incomplete_artifact, what + " is missing in it"};
        check.finish();
    });
}

std::optional<ResolvedIndex> OciLayoutSource::find_pair_index() {
    return attempting(name_.text(), [&]() -> std::optional<ResolvedIndex> {
        for (const ManifestDescriptor& top : parse_index(read_index(), kIndexType, "index.json")) {
            if (!is_tagged(top, kPairIndexTag)) continue;
            const std::string manifest = read_small(top.digest, top.size);
            return ResolvedIndex{{fmt::format("{}:{}", name_.text(), kPairIndexTag), top.digest, {}},
                                 parse_pair_index_manifest(manifest, top.media_type, "pair index")};
        }
        return std::nullopt;
    });
}

std::string OciLayoutSource::read_document(const DocumentBlob& document) {
    return attempting(name_.text(), [&] { return read_small(document.digest, document.size); });
}

/// A layout holds what its index.json names: a pair of the index that is not there was not carried along.
std::optional<ResolvedArtifact> OciLayoutSource::resolve_pinned(const PinnedImage& image,
                                                                const std::string& architecture) {
    auto artifact = resolve(image.tag, architecture);
    if (!artifact || artifact->manifest_digest == image.manifest) return artifact;
    throw Error{Errc::bad_manifest, fmt::format("{}:{} is {}, the pair index names {}", name_.text(), image.tag,
                                                artifact->manifest_digest.text(), image.manifest.text())}
        .with_remedy("carry the images and their pair index again, together");
}

}  // namespace overdrive
