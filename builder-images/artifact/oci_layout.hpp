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
/// index.json names an image index for each tag, and that a manifest for each architecture: what `skopeo copy --all`
/// makes of it at a registry is an index again. Blobs are written beside and renamed to their digest, so a blob that
/// has its name is whole; the entry in index.json comes last.
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

    /// Names a manifest; replaces the entry of the same tag and architecture. Concurrent calls wait for each other.
    void tag(const TaggedManifest& entry);
    [[nodiscard]] std::vector<TaggedManifest> tags() const;

    [[nodiscard]] const std::string& directory() const noexcept { return root_.path(); }

private:
    explicit OciLayout(Root root) : root_{std::move(root)} {}
    Root root_;
};

/// `oci:DIR` or `oci:DIR:TAG`.
struct LayoutReference {
    /// @throws Error bad_reference
    [[nodiscard]] static LayoutReference parse(std::string_view text);
    std::string directory;
    std::optional<std::string> tag;
};

/// Whether `tag` follows the distribution-spec's grammar.
[[nodiscard]] bool is_valid_tag(std::string_view tag) noexcept;

}  // namespace overdrive
