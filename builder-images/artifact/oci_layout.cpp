#include "builder-images/artifact/oci_layout.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "builder-images/artifact/source_tree.hpp"
#include "model/json_reader.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr const char* kMarker = "oci-layout";
constexpr const char* kMarkerText = R"({"imageLayoutVersion":"1.0.0"})";
constexpr const char* kIndex = "index.json";
constexpr std::uint64_t kMostIndexBytes = 4U << 20U;
constexpr const char* kBlobs = "blobs/sha256";
constexpr const char* kRefName = "org.opencontainers.image.ref.name";

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
        root_.rename(path_, blob_path(blob.digest));
        kept_ = true;
        return blob;
    }

private:
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

ordered_json platform_json(const TaggedManifest& entry) {
    ordered_json json = blob_json(entry.manifest);
    json["platform"] = {{"architecture", entry.architecture}, {"os", "linux"}};
    return json;
}

std::string index_text(const ordered_json& manifests) {
    return ordered_json{{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", manifests}}.dump();
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
    if (!root.exists(kMarker)) root.write_file(kMarker, kMarkerText);
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
        const std::string tag = annotations ? annotations->optional_string(kRefName).value_or("") : "";
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

void OciLayout::tag(const TaggedManifest& entry) {
    const UniqueFd held = lock(root_);
    std::vector<TaggedManifest> entries = tags();
    std::erase_if(entries, [&](const TaggedManifest& other) {
        return other.tag == entry.tag && other.architecture == entry.architecture;
    });
    entries.push_back(entry);
    std::sort(entries.begin(), entries.end(), [](const TaggedManifest& a, const TaggedManifest& b) {
        return std::tie(a.tag, a.architecture) < std::tie(b.tag, b.architecture);
    });
    std::map<std::string, ordered_json> by_tag;
    for (const TaggedManifest& each : entries) by_tag[each.tag].push_back(platform_json(each));
    ordered_json manifests = ordered_json::array();
    for (const auto& [tag, inner] : by_tag) {
        ordered_json outer = blob_json(add_bytes(kIndexType, index_text(inner)));
        outer["annotations"] = {{kRefName, tag}};
        manifests.push_back(outer);
    }
    root_.write_file(kIndex, index_text(manifests));
}

LayoutReference LayoutReference::parse(std::string_view text) {
    constexpr std::string_view kPrefix = "oci:";
    const std::string example = "; it must be oci:DIR or oci:DIR:TAG";
    if (!text.starts_with(kPrefix) || text.size() == kPrefix.size())
        throw Error{Errc::bad_reference, fmt::format("'{}' names no OCI layout{}", text, example)};
    text.remove_prefix(kPrefix.size());
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || text.find('/', colon) != std::string_view::npos)
        return {std::string{text}, std::nullopt};
    const std::string_view tag = text.substr(colon + 1);
    if (colon == 0 || !is_valid_tag(tag))
        throw Error{Errc::bad_reference, fmt::format("'{}' is not a tag{}", tag, example)};
    return {std::string{text.substr(0, colon)}, std::string{tag}};
}

bool is_valid_tag(std::string_view tag) noexcept {
    const auto word = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    return !tag.empty() && tag.size() <= 128 && word(tag.front()) &&
           std::all_of(tag.begin(), tag.end(), [&](char c) { return word(c) || c == '.' || c == '-'; });
}

}  // namespace overdrive
