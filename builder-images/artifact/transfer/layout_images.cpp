#include "builder-images/artifact/transfer/layout_images.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "builder-images/artifact/index_merge.hpp"
#include "builder-images/artifact/manifest_links.hpp"
#include "builder-images/artifact/transfer/referrer_list.hpp"
#include "model/json_reader.hpp"
#include "registry/blob_check.hpp"
#include "registry/image_manifest.hpp"
#include "registry/signature_manifest.hpp"
#include "support/interruption.hpp"

namespace overdrive {

namespace {

std::string blob_path(const Digest& digest) { return fmt::format("blobs/sha256/{}", digest.hex()); }

/// Some tools write the tag alone, some the whole name.
std::string tag_of(const ManifestDescriptor& entry) {
    const std::size_t colon = entry.ref_name.rfind(':');
    return colon == std::string::npos ? entry.ref_name : entry.ref_name.substr(colon + 1);
}

/// Gives all of a blob to `sink` and says how much that is.
void pour(const BlobOrigin& origin, const ImageReader::Sink& sink) {
    origin.read([&](std::string_view bytes) {
        stop_if_interrupted();
        sink(bytes);
        origin.moved(static_cast<std::int64_t>(bytes.size()));
    });
}

bool is_signature_tag(const std::string& tag) { return tag.starts_with("sha256-"); }

}  // namespace

LayoutImages::LayoutImages(std::string name, std::unique_ptr<LayoutFiles> files)
    : name_{std::move(name)}, files_{std::move(files)} {}

std::string LayoutImages::read_index() {
    std::string text;
    const bool found = files_->stream("index.json", [&](std::string_view bytes) {
        text.append(bytes);
        if (text.size() > kMostManifestBytes)
            throw Error{Errc::bad_manifest, fmt::format("the index.json of '{}' is larger than 4 MiB", name_)};
    });
    if (!found)
        throw Error{Errc::bad_reference, fmt::format("'{}' is no OCI image layout: it has no index.json", name_)};
    return text;
}

RawManifest LayoutImages::load(const ManifestDescriptor& entry) {
    std::string bytes;
    read_blob({entry.media_type, entry.digest, entry.size, {}}, [&](std::string_view piece) { bytes += piece; });
    return checked_manifest(std::move(bytes), entry.media_type,
                            fmt::format("manifest {} of '{}'", entry.digest.text(), name_));
}

std::optional<RawManifest> LayoutImages::tagged(const std::string& tag) {
    std::vector<ManifestDescriptor> entries = parse_index(read_index(), kIndexType, name_ + ": index.json");
    std::vector<std::string> names;
    std::vector<const ManifestDescriptor*> found;
    for (const ManifestDescriptor& entry : entries) {
        if (!is_signature_tag(tag_of(entry))) names.push_back(tag_of(entry));
        if (tag.empty() ? !is_signature_tag(tag_of(entry)) : tag_of(entry) == tag) found.push_back(&entry);
    }
    if (tag.empty() && found.size() > 1)
        throw Error{Errc::bad_reference,
                    fmt::format("'{}' has {} images; name one of: {}", name_, found.size(), fmt::join(names, ", "))};
    if (found.empty()) return std::nullopt;
    return load(*found.front());
}

std::optional<RawManifest> LayoutImages::manifest(const Digest& digest) {
    std::string bytes;
    const bool found = files_->stream(blob_path(digest), [&](std::string_view piece) {
        bytes += piece;
        if (bytes.size() > kMostManifestBytes)
            throw Error{Errc::bad_manifest, fmt::format("manifest {} is larger than 4 MiB", digest.text())};
    });
    if (!found) return std::nullopt;
    const std::string document = fmt::format("manifest {} of '{}'", digest.text(), name_);
    check_blob(document, bytes, digest, bytes.size());
    // A blob has no media type of its own; what an older tool wrote without one is told by its members.
    const JsonReader reader = JsonReader::parse(bytes, document, Errc::bad_manifest);
    const std::string kind = reader.has("manifests") ? kIndexType : kManifestType;
    return checked_manifest(std::move(bytes), reader.optional_string("mediaType").value_or(kind), document);
}

void LayoutImages::read_blob(const BlobDescriptor& blob, const Sink& sink) {
    attempting(name_, [&] {
        const std::string what = "blob " + blob.digest.text();
        BlobCheck check{what, blob.digest, blob.size};
        const bool found = files_->stream(blob_path(blob.digest), [&](std::string_view bytes) {
            check.take(bytes);
            sink(bytes);
        });
        if (!found) throw Error{Errc::incomplete_artifact, what + " is missing in it"};
        check.finish();
    });
}

std::vector<std::string> LayoutImages::tags(std::size_t most) {
    std::vector<std::string> tags;
    for (const ManifestDescriptor& entry : parse_index(read_index(), kIndexType, name_ + ": index.json"))
        if (!entry.ref_name.empty()) tags.push_back(tag_of(entry));
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    if (tags.size() > most) throw Error{Errc::bad_manifest, fmt::format("'{}' has more than {} tags", name_, most)};
    return tags;
}

std::vector<BlobDescriptor> LayoutImages::referrers(const Digest& subject, std::string_view artifact_type) {
    if (artifact_type != kSignatureArtifactType) {
        const auto list = tagged(referrers_tag(subject));
        return list ? listed_referrers(list->bytes, artifact_type) : std::vector<BlobDescriptor>{};
    }
    std::vector<BlobDescriptor> found;
    for (const ManifestDescriptor& entry : parse_referrers(read_index(), name_ + ": index.json")) {
        if (parse_subject(load(entry).bytes, "manifest " + entry.digest.text()) == subject)
            found.push_back({entry.media_type, entry.digest, entry.size, {}});
    }
    return found;
}

LayoutDirectory::LayoutDirectory(std::string name, const std::string& directory)
    : layout_{OciLayout::create(directory)}, images_{std::move(name), open_layout_directory(directory)} {}

bool LayoutDirectory::is_empty() const { return layout_.tags().empty(); }

std::optional<RawManifest> LayoutDirectory::tagged(const std::string& tag) {
    if (is_empty()) return std::nullopt;
    return images_.tagged(tag);
}

std::vector<std::string> LayoutDirectory::tags(std::size_t most) {
    if (is_empty()) return {};
    return images_.tags(most);
}

std::vector<BlobDescriptor> LayoutDirectory::referrers(const Digest& subject, std::string_view artifact_type) {
    if (is_empty()) return {};
    return images_.referrers(subject, artifact_type);
}

BlobMove LayoutDirectory::put_blob(const BlobDescriptor& blob, const BlobOrigin& origin) {
    layout_.add_expected(blob, [&](const Sink& sink) { pour(origin, sink); });
    return BlobMove::uploaded;
}

void LayoutDirectory::put_manifest(const RawManifest& manifest) {
    if (!layout_.has(manifest.descriptor())) layout_.add_bytes(manifest.media_type, manifest.bytes);
}

bool LayoutDirectory::put_tag(const std::string& tag, const RawManifest& manifest) {
    put_manifest(manifest);
    return layout_.point(tag, manifest.descriptor());
}

LayoutArchive::LayoutArchive(std::string name, const std::string& file) : name_{std::move(name)}, tar_{file} {}

std::optional<RawManifest> LayoutArchive::tagged(const std::string& tag) {
    const auto found = tags_.find(tag);
    return found == tags_.end() ? std::nullopt : manifest(found->second);
}

std::optional<RawManifest> LayoutArchive::manifest(const Digest& digest) {
    const auto found = manifests_.find(digest);
    return found == manifests_.end() ? std::nullopt : std::optional{found->second};
}

void LayoutArchive::read_blob(const BlobDescriptor& blob, const Sink& /*sink*/) {
    throw Error{Errc::unsupported,
                fmt::format("blob {} cannot be read from '{}' while that is written", blob.digest.text(), name_)};
}

std::vector<std::string> LayoutArchive::tags(std::size_t /*most*/) {
    std::vector<std::string> tags;
    for (const auto& [tag, digest] : tags_) tags.push_back(tag);
    return tags;
}

BlobMove LayoutArchive::put_blob(const BlobDescriptor& blob, const BlobOrigin& origin) {
    tar_.add(blob_path(blob.digest), blob.size, [&](const Sink& sink) { pour(origin, sink); });
    blobs_.insert(blob.digest);
    return BlobMove::uploaded;
}

void LayoutArchive::put_manifest(const RawManifest& manifest) {
    if (!manifests_.emplace(manifest.digest, manifest).second) return;
    if (blobs_.insert(manifest.digest).second) tar_.add(blob_path(manifest.digest), manifest.bytes);
}

bool LayoutArchive::put_tag(const std::string& tag, const RawManifest& manifest) {
    put_manifest(manifest);
    return tags_.insert_or_assign(tag, manifest.digest).second;
}

void LayoutArchive::finish() {
    nlohmann::ordered_json entries = nlohmann::ordered_json::array();
    for (const auto& [tag, digest] : tags_) {
        const RawManifest& manifest = manifests_.at(digest);
        entries.push_back({{"mediaType", manifest.media_type},
                           {"digest", digest.text()},
                           {"size", manifest.bytes.size()},
                           {"annotations", {{kRefNameAnnotation, tag}}}});
    }
    tar_.add("index.json", index_document(entries));
    tar_.add("oci-layout", kLayoutMarker);
    tar_.publish();
}

}  // namespace overdrive
