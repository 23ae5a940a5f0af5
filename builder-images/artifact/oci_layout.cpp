#include "builder-images/artifact/oci_layout.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "builder-images/artifact/index_merge.hpp"
#include "builder-images/artifact/source_tree.hpp"
#include "model/json_reader.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr const char* kMarker = "oci-layout";
constexpr const char* kIndex = "index.json";
constexpr std::uint64_t kMostIndexBytes = 4U << 20U;
constexpr const char* kBlobs = "blobs/sha256";

std::string blob_path(const Digest& digest) { return fmt::format("{}/{}", kBlobs, digest.hex()); }

/// A blob while it is written; its file goes away unless `keep` is called.
class IncomingBlob {
public:
    explicit IncomingBlob(const Root& root)
        : root_{root},
          path_{fmt::format("{}/.incoming-{}", kBlobs, ::getpid())},
          file_{root.open(path_, O_WRONLY | O_CREAT | O_TRUNC, 0644)} {}
    IncomingBlob(const IncomingBlob&) = delete;
    IncomingBlob& operator=(const IncomingBlob&) = delete;
    ~IncomingBlob() {
        try {
            if (!kept_) root_.remove(path_);
        } catch (const Error&) {  // NOLINT(bugprone-empty-catch): a leftover .incoming file is not part of the layout
        }
    }

    void write(std::string_view bytes) {
        hash_.update(bytes);
        write_all(file_.get(), bytes, path_);
        size_ += bytes.size();
    }

    BlobDescriptor keep(std::string media_type) {
        BlobDescriptor blob{std::move(media_type), Digest::from_hex(hash_.finish()), size_, {}};
        publish(blob.digest);
        return blob;
    }

    void keep_expected(const BlobDescriptor& blob) {
        const Digest digest = Digest::from_hex(hash_.finish());
        if (digest != blob.digest || size_ != blob.size) {
            throw Error{Errc::digest_mismatch, fmt::format("blob {} came with {} of its {} bytes and hashes to {}",
                                                           blob.digest.text(), size_, blob.size, digest.text())};
        }
        publish(digest);
    }

private:
    void publish(const Digest& digest) {
        root_.rename(path_, blob_path(digest));
        kept_ = true;
    }

    const Root& root_;
    std::string path_;
    UniqueFd file_;
    Sha256 hash_;
    std::uint64_t size_ = 0;
    bool kept_ = false;
};

ordered_json blob_json(const BlobDescriptor& blob) {
    return {{"mediaType", blob.media_type}, {"digest", blob.digest.text()}, {"size", blob.size}};
}

BlobDescriptor parse_blob(const JsonReader& reader) {
    return {reader.string("mediaType"), Digest::parse(reader.string("digest")), reader.number("size"), {}};
}

TaggedManifest parse_entry(const JsonReader& reader, const std::string& tag) {
    TaggedManifest entry{parse_blob(reader), tag, ""};
    if (const auto platform = reader.optional_object("platform"))
        entry.architecture = platform->optional_string("architecture").value_or("");
    return entry;
}

/// The entries of index.json as they are written; an empty array when there is none.
ordered_json read_entries(const Root& root, const std::string& path) {
    const auto text = root.read_file(path, kMostIndexBytes);
    if (!text) return ordered_json::array();
    // Seen as a well-formed document first: no member twice, no endless nesting.
    static_cast<void>(JsonReader::parse(*text, root.host_path(path), Errc::bad_manifest).objects("manifests"));
    return ordered_json::parse(*text).at("manifests");
}

std::string tag_of_entry(const ordered_json& entry) {
    const auto annotations = entry.find("annotations");
    return annotations == entry.end() ? std::string{} : annotations->value(kRefNameAnnotation, "");
}

BlobDescriptor descriptor_in(const ordered_json& entry) {
    return parse_blob(JsonReader::parse(entry.dump(), kIndex, Errc::bad_manifest));
}

std::string architecture_in(const ordered_json& entry) {
    return parse_entry(JsonReader::parse(entry.dump(), kIndex, Errc::bad_manifest), "").architecture;
}

/// Replaces the entries of `tag` with one for `top`; entries stay sorted by their tags.
/// @param architecture of a manifest; empty when it is not known, or an index says it
void put_entry(ordered_json& entries, const std::string& tag, const BlobDescriptor& top,
               const std::string& architecture = {}) {
    ordered_json kept = ordered_json::array();
    for (const ordered_json& entry : entries)
        if (tag_of_entry(entry) != tag) kept.push_back(entry);
    ordered_json added = blob_json(top);
    if (!architecture.empty()) added["platform"] = {{"architecture", architecture}, {"os", "linux"}};
    added["annotations"] = {{kRefNameAnnotation, tag}};
    const auto after =
        std::find_if(kept.begin(), kept.end(), [&](const ordered_json& entry) { return tag_of_entry(entry) > tag; });
    kept.insert(after, added);
    entries = std::move(kept);
}

/// Holds the layout's lock while index.json is read and replaced.
UniqueFd lock(const Root& root) {
    UniqueFd file = root.open(kMarker, O_RDONLY);
    while (::flock(file.get(), LOCK_EX) != 0) {
        const int saved_errno = errno;
        if (saved_errno != EINTR)
            throw Error::from_errno(Errc::io, saved_errno, fmt::format("lock '{}'", root.host_path(kMarker)));
    }
    return file;
}

}  // namespace

OciLayout OciLayout::create(const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) throw Error::from_errno(Errc::io, error.value(), fmt::format("make the directory '{}'", directory));
    const Root root{directory};
    if (!root.exists(kMarker) && !root.list(".").empty()) {
        throw Error{Errc::bad_manifest, fmt::format("'{}' holds something that is no OCI layout", directory)}
            .with_remedy("give --output a directory that does not exist yet, or an OCI layout to add to");
    }
    root.make_directories(kBlobs);
    if (!root.exists(kMarker)) root.write_file(kMarker, kLayoutMarker);
    return open(directory);
}

OciLayout OciLayout::open(const std::string& directory) {
    Root root = [&] {
        try {
            return Root{directory};
        } catch (const Error& error) {
            throw Error{Errc::bad_reference, fmt::format("no OCI layout at '{}': {}", directory, error.what())};
        }
    }();
    if (!root.exists(kMarker)) {
        throw Error{Errc::bad_reference, fmt::format("'{}' is no OCI layout: it has no file '{}'", directory, kMarker)};
    }
    return OciLayout{std::move(root)};
}

BlobDescriptor OciLayout::add(std::string media_type, const std::function<void(const Sink&)>& produce) {
    IncomingBlob blob{root_};
    produce([&](std::string_view bytes) { blob.write(bytes); });
    return blob.keep(std::move(media_type));
}

BlobDescriptor OciLayout::add_bytes(std::string media_type, std::string_view bytes) {
    return add(std::move(media_type), [&](const Sink& sink) { sink(bytes); });
}

void OciLayout::read(const BlobDescriptor& blob, const Sink& take) const {
    const std::string path = blob_path(blob.digest);
    if (!root_.exists(path))
        throw Error{Errc::truncated, fmt::format("'{}' lacks the blob {}", directory(), blob.digest.text())};
    Sha256 hash;
    std::uint64_t size = 0;
    read_pieces(root_, path, [&](std::string_view piece) {
        hash.update(piece);
        size += piece.size();
        take(piece);
    });
    if (size != blob.size) {
        throw Error{Errc::truncated,
                    fmt::format("blob {} has {} bytes, not the {} announced", blob.digest.text(), size, blob.size)};
    }
    if (const Digest digest = Digest::from_hex(hash.finish()); digest != blob.digest)
        throw Error{Errc::digest_mismatch, fmt::format("blob {} hashes to {}", blob.digest.text(), digest.text())};
}

std::string OciLayout::read_bytes(const BlobDescriptor& blob, std::uint64_t most) const {
    if (blob.size > most) {
        throw Error{Errc::bad_manifest,
                    fmt::format("blob {} announces {} bytes; {} are allowed", blob.digest.text(), blob.size, most)};
    }
    std::string bytes;
    read(blob, [&](std::string_view piece) {
        if (bytes.size() + piece.size() <= most) bytes += piece;
    });
    return bytes;
}

std::vector<TaggedManifest> OciLayout::tags() const {
    const auto text = root_.read_file(kIndex);
    if (!text) return {};
    const JsonReader index = JsonReader::parse(*text, root_.host_path(kIndex), Errc::bad_manifest);
    std::vector<TaggedManifest> entries;
    for (const JsonReader& outer : index.objects("manifests")) {
        const auto annotations = outer.optional_object("annotations");
        const std::string tag = annotations ? annotations->optional_string(kRefNameAnnotation).value_or("") : "";
        const BlobDescriptor blob = parse_blob(outer);
        if (blob.media_type != kIndexType) {
            entries.push_back(parse_entry(outer, tag));
            continue;
        }
        const JsonReader inner =
            JsonReader::parse(read_bytes(blob, kMostIndexBytes), blob.digest.text(), Errc::bad_manifest);
        for (const JsonReader& entry : inner.objects("manifests")) entries.push_back(parse_entry(entry, tag));
    }
    return entries;
}

bool OciLayout::has(const BlobDescriptor& blob) const {
    const auto status = root_.status(blob_path(blob.digest));
    return status && static_cast<std::uint64_t>(status->st_size) == blob.size;
}

void OciLayout::add_expected(const BlobDescriptor& blob, const std::function<void(const Sink&)>& produce) {
    IncomingBlob incoming{root_};
    produce([&](std::string_view bytes) { incoming.write(bytes); });
    incoming.keep_expected(blob);
}

void OciLayout::tag(const TaggedManifest& entry) {
    const UniqueFd held = lock(root_);
    ordered_json entries = read_entries(root_, kIndex);
    const RawManifest ours = index_around(entry.manifest, "linux", entry.architecture);
    std::optional<RawManifest> theirs;
    for (const ordered_json& there : entries) {
        if (tag_of_entry(there) != entry.tag) continue;
        const BlobDescriptor top = descriptor_in(there);
        if (top.media_type == kIndexType) {
            theirs = RawManifest{read_bytes(top, kMostIndexBytes), top.media_type, top.digest};
        } else {
            theirs = index_around(top, "linux", architecture_in(there));
        }
    }
    const RawManifest merged = merge_index(ours, theirs);
    // An index of one would cost every node a request.
    if (merged.digest == ours.digest)
        put_entry(entries, entry.tag, entry.manifest, entry.architecture);
    else
        put_entry(entries, entry.tag, add_bytes(kIndexType, merged.bytes));
    root_.write_file(kIndex, index_document(entries));
}

bool OciLayout::point(const std::string& tag, const BlobDescriptor& top) {
    const UniqueFd held = lock(root_);
    ordered_json entries = read_entries(root_, kIndex);
    const ordered_json before = entries;
    put_entry(entries, tag, top);
    if (entries == before) return false;
    root_.write_file(kIndex, index_document(entries));
    return true;
}

}  // namespace overdrive
