#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder-images/artifact/oci_layout.hpp"
#include "model/digest.hpp"

namespace overdrive {

/// A manifest or an index: the very bytes that its digest is of.
struct RawManifest {
    std::string bytes;
    std::string media_type;
    Digest digest;

    [[nodiscard]] BlobDescriptor descriptor() const { return {media_type, digest, bytes.size(), {}}; }
};

/// Where images lie: a repository of a registry, an image layout in a directory or in a tar file.
class ImageReader {
public:
    using Sink = std::function<void(std::string_view)>;

    ImageReader() = default;
    ImageReader(const ImageReader&) = delete;
    ImageReader& operator=(const ImageReader&) = delete;
    virtual ~ImageReader() = default;

    /// As it was named: `docker://HOST/REPOSITORY`, `oci:DIRECTORY`, `oci-archive:FILE`.
    [[nodiscard]] virtual std::string name() const = 0;
    /// The manifest or index with this tag; nullopt when there is no such tag.
    /// @throws Error bad_manifest, digest_mismatch; unreachable, login_refused
    [[nodiscard]] virtual std::optional<RawManifest> tagged(const std::string& tag) = 0;
    /// The manifest or index with this digest, checked against it; nullopt when it is not there.
    [[nodiscard]] virtual std::optional<RawManifest> manifest(const Digest& digest) = 0;
    /// Streams a blob, checked while it passes: `sink` has had all of the blob, and nothing else, when this returns.
    /// @throws Error digest_mismatch, truncated, incomplete_artifact (it is not there), unreachable; what `sink` threw
    virtual void read_blob(const BlobDescriptor& blob, const Sink& sink) = 0;
    /// The tags, sorted. @param most gives up beyond so many @throws Error bad_manifest beyond `most`
    [[nodiscard]] virtual std::vector<std::string> tags(std::size_t most) = 0;
    /// Manifests of this `artifactType` whose `subject` is `subject`, where the place keeps such a list; empty
    /// elsewhere.
    [[nodiscard]] virtual std::vector<BlobDescriptor> referrers(const Digest& subject,
                                                                std::string_view artifact_type) = 0;
};

/// Where a blob that is written comes from.
struct BlobOrigin {
    /// Gives all bytes of the blob to the sink; may be called again when an upload has to begin anew.
    std::function<void(const ImageReader::Sink&)> read;
    std::string host{};        ///< the registry that has the blob already; empty: none
    std::string repository{};  ///< the repository there
    /// Told how many bytes more have been written; negative when some have to be sent again.
    std::function<void(std::int64_t bytes)> moved = [](std::int64_t /*bytes*/) {};
};

/// How a blob came to where it is.
enum class BlobMove { mounted, uploaded };

/// A place that images can be written to as well.
class ImageWriter : public ImageReader {
public:
    [[nodiscard]] virtual bool has_blob(const BlobDescriptor& blob) = 0;
    /// Writes a blob that is not there yet. It has its name only when its bytes have its digest.
    virtual BlobMove put_blob(const BlobDescriptor& blob, const BlobOrigin& origin) = 0;
    /// Writes a manifest under its digest. All that it names must be there already.
    virtual void put_manifest(const RawManifest& manifest) = 0;
    /// Points a tag at a manifest that is there. @return whether that changed anything
    virtual bool put_tag(const std::string& tag, const RawManifest& manifest) = 0;
    /// Whether manifests with a `subject` are found again through it.
    [[nodiscard]] virtual bool lists_referrers() = 0;
    /// Makes what was written take effect as a whole, where that takes a last step.
    virtual void finish() {}
};

}  // namespace overdrive
