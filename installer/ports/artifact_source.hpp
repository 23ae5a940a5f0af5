#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/digest.hpp"
#include "model/driver_manifest.hpp"
#include "ports/document_blob.hpp"

namespace overdrive {

/// What a layer takes when it is unpacked.
struct UnpackedSize {
    /// What files and directories are rounded up to where a layer announces its size.
    static constexpr std::uint64_t kBlockBytes = 4096;
    std::uint64_t bytes = 0;   ///< each file and directory in whole blocks
    std::uint64_t inodes = 0;  ///< files, links and directories
    friend bool operator==(const UnpackedSize&, const UnpackedSize&) = default;
};

/// A blob of an artifact.
struct LayerDescriptor {
    Digest digest;
    std::uint64_t size = 0;  ///< bytes as stored (compressed)
    std::string media_type;
    LayerRole role = LayerRole::program;
    std::optional<UnpackedSize> unpacked{};  ///< as the manifest announces it; nullopt when it does not
};

/// An artifact that a source has: everything below is named by `manifest_digest`.
struct ResolvedArtifact {
    std::string
        reference;  ///< for people: `docker://registry.example/overdrive/nvidia-coreos:4081.2.1-550.163.01-open`
    Digest manifest_digest;
    std::vector<LayerDescriptor> layers;  ///< in the manifest's order
    /// The index that names this manifest for the architecture; nullopt when the tag names the manifest itself. A
    /// signature over it vouches for the manifest as well.
    std::optional<Digest> index_digest{};
    /// `registry.example/overdrive/nvidia-coreos:TAG`, what a signature must be for; empty where the source has no
    /// repository (a layout).
    std::string identity{};
};

/// The pair index that a source has: its manifest, which is signed as an image is, and the document that it names.
struct ResolvedIndex {
    ResolvedArtifact image;  ///< without layers
    DocumentBlob document;
};

/// An image that a pair index names: what is fetched has this digest, whatever the tag stands for by now.
struct PinnedImage {
    std::string tag;  ///< that signatures of it name
    Digest manifest;
    std::optional<Digest> image_index{};  ///< what the tag named; signatures may be over it alone
};

/// A signature that a source has for an image, nothing about it checked yet.
/// @see cosign's SIGNATURE_SPEC.md: the payload is a blob, the signature an annotation of its layer
struct ImageSignature {
    std::string payload;  ///< the very bytes that were signed
    std::string base64;   ///< the signature over them
};

/// At most so many signatures of one image are looked at, and no payload is larger.
inline constexpr std::size_t kMostSignatures = 64;
inline constexpr std::size_t kMostSignaturePayload = 64U << 10U;

/// One place that artifacts come from: a registry, an OCI layout directory or archive.
class ArtifactSource {
public:
    ArtifactSource() = default;
    ArtifactSource(const ArtifactSource&) = delete;
    ArtifactSource& operator=(const ArtifactSource&) = delete;
    virtual ~ArtifactSource() = default;

    /// As the configuration named it.
    [[nodiscard]] virtual std::string name() const = 0;
    /// The artifact with this tag for this architecture (OCI spelling: `amd64`, `arm64`).
    /// @return nullopt when the source has no such tag, or has it only for other architectures
    /// @throws Error unreachable, bad_manifest, digest_mismatch
    [[nodiscard]] virtual std::optional<ResolvedArtifact> resolve(const std::string& tag,
                                                                  const std::string& architecture) = 0;

    /// Whether the signatures that were found until now will do, so that no other place is asked for more.
    using Enough = std::function<bool(const std::vector<ImageSignature>&)>;
    /// The signatures that the source has for an image, over its manifest or its index, the newest last; at most
    /// kMostSignatures, others are left out. Empty when it has none.
    /// @param enough asked after each place that has some, the likeliest first; not asked where all are at hand
    /// @throws Error unreachable, bad_manifest, digest_mismatch
    [[nodiscard]] virtual std::vector<ImageSignature> signatures(const ResolvedArtifact& artifact,
                                                                 const Enough& enough) = 0;

    /// Takes the next bytes of a blob. May throw; the exception leaves `read_blob`.
    using Sink = std::function<void(std::string_view)>;
    /// Streams a blob to `sink`, hashing as it goes. Nothing the sink did may take effect before this returns.
    /// @throws Error digest_mismatch, truncated, unreachable; what the sink threw
    virtual void read_blob(const LayerDescriptor& layer, const Sink& sink) = 0;

    /// The pair index of the place; nullopt when it has none.
    /// @throws Error unreachable, bad_manifest, digest_mismatch
    [[nodiscard]] virtual std::optional<ResolvedIndex> find_pair_index() = 0;
    /// The bytes of a document, checked against its digest. @throws Error as read_blob
    [[nodiscard]] virtual std::string read_document(const DocumentBlob& document) = 0;
    /// The image that a pair index names, by its digest.
    /// @return nullopt when the source does not have it, or it is for another architecture
    /// @throws Error as resolve
    [[nodiscard]] virtual std::optional<ResolvedArtifact> resolve_pinned(const PinnedImage& image,
                                                                         const std::string& architecture) = 0;
    /// Whether the source may hold a part of what its index names, as what is carried over an air gap does.
    [[nodiscard]] virtual bool may_be_partial() const = 0;
};

}  // namespace overdrive
