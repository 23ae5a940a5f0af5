#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/digest.hpp"
#include "support/root.hpp"

namespace overdrive {

inline constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar+zstd";

/// The content of the file that makes a directory an OCI layout.
inline constexpr const char* kLayoutMarker = R"({"imageLayoutVersion":"1.0.0"})";
/// The annotation of an entry of index.json that holds its tag.
inline constexpr const char* kRefNameAnnotation = "org.opencontainers.image.ref.name";

/// A blob as a manifest or an index names it.
/// @see OCI image-spec descriptor.md
struct BlobDescriptor {
    std::string media_type;
    Digest digest;
    std::uint64_t size = 0;
    std::map<std::string, std::string> annotations;
};

/// One entry of index.json.
struct TaggedManifest {
    BlobDescriptor manifest;
    std::string tag;
    std::string architecture;  ///< OCI spelling
};

/// An OCI image layout directory.
///
/// index.json names a manifest for each tag, or, where a tag has several architectures, an image index of them: what
/// `skopeo copy --all` makes of it at a registry is the same again. Blobs are written beside and renamed to their
/// digest, so a blob that has its name is whole; the entry in index.json comes last.
/// @see OCI image-spec image-layout.md
class OciLayout {
public:
    /// Opens `directory`, making the layout when it is absent or empty.
    /// @throws Error bad_manifest when something else lies there; io
    [[nodiscard]] static OciLayout create(const std::string& directory);
    /// @throws Error bad_reference when `directory` is no layout
    [[nodiscard]] static OciLayout open(const std::string& directory);

    /// Writes a blob from the pieces that `produce` hands to its sink. @return digest and size
    using Sink = std::function<void(std::string_view)>;
    BlobDescriptor add(std::string media_type, const std::function<void(const Sink&)>& produce);
    BlobDescriptor add_bytes(std::string media_type, std::string_view bytes);

    /// Reads a blob and checks it. @throws Error truncated, digest_mismatch, io; what `take` threw
    void read(const BlobDescriptor& blob, const Sink& take) const;
    /// The same into memory. @throws Error bad_manifest when it is larger than `most`
    [[nodiscard]] std::string read_bytes(const BlobDescriptor& blob, std::uint64_t most) const;

    /// Whether the layout has a blob of this digest and size; its bytes are not looked at.
    [[nodiscard]] bool has(const BlobDescriptor& blob) const;
    /// As `add`, and the blob gets its name only when it has this digest and size. @throws Error digest_mismatch
    void add_expected(const BlobDescriptor& blob, const std::function<void(const Sink&)>& produce);

    /// Names a manifest; replaces the entry of the same tag and architecture and leaves all others as they are, byte
    /// for byte. Concurrent calls wait for each other.
    void tag(const TaggedManifest& entry);
    /// Points a tag at a manifest or an index as it is, replacing what it pointed at.
    /// @return whether that changed anything
    bool point(const std::string& tag, const BlobDescriptor& top);
    [[nodiscard]] std::vector<TaggedManifest> tags() const;

    [[nodiscard]] const std::string& directory() const noexcept { return root_.path(); }

private:
    explicit OciLayout(Root root) : root_{std::move(root)} {}
    Root root_;
};

}  // namespace overdrive
