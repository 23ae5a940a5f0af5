#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/artifact_source.hpp"
#include "registry/image_manifest.hpp"
#include "registry/source_name.hpp"

namespace overdrive {

/// The files of an OCI image layout, in a directory or in a tar file.
class LayoutFiles {
public:
    LayoutFiles() = default;
    LayoutFiles(const LayoutFiles&) = delete;
    LayoutFiles& operator=(const LayoutFiles&) = delete;
    virtual ~LayoutFiles() = default;

    /// Streams the file `path` to `sink`; false when there is no such file.
    /// @throws Error unreachable when the layout itself is not there; io
    virtual bool stream(const std::string& path, const ArtifactSource::Sink& sink) = 0;
};

/// @throws Error unreachable when there is no such directory
[[nodiscard]] std::unique_ptr<LayoutFiles> open_layout_directory(const std::string& path);
/// The archive is never unpacked: members are read where they lie.
/// @throws Error unreachable when there is no such file
[[nodiscard]] std::unique_ptr<LayoutFiles> open_layout_archive(const std::string& path);

/// An OCI image layout: `oci:DIRECTORY`, `oci-archive:FILE`.
/// @see OCI image-spec image-layout.md
class OciLayoutSource final : public ArtifactSource {
public:
    /// The layout is opened when it is first asked, so that a missing one is an Error of that source alone.
    explicit OciLayoutSource(SourceName name);

    [[nodiscard]] std::string name() const override { return name_.text(); }
    [[nodiscard]] std::optional<ResolvedArtifact> resolve(const std::string& tag,
                                                          const std::string& architecture) override;
    [[nodiscard]] std::vector<ImageSignature> signatures(const ResolvedArtifact& artifact,
                                                         const Enough& enough) override;
    void read_blob(const LayerDescriptor& layer, const Sink& sink) override;
    [[nodiscard]] std::optional<ResolvedIndex> find_pair_index() override;
    [[nodiscard]] std::string read_document(const DocumentBlob& document) override;
    [[nodiscard]] std::optional<ResolvedArtifact> resolve_pinned(const PinnedImage& image,
                                                                 const std::string& architecture) override;
    [[nodiscard]] bool may_be_partial() const override { return true; }

private:
    LayoutFiles& files();
    [[nodiscard]] std::optional<ResolvedArtifact> resolve_entry(const ManifestDescriptor& top, const std::string& tag,
                                                                const std::string& architecture);
    /// The manifests that hold signatures of an image: by cosign's tag, as referrers of it.
    [[nodiscard]] std::vector<ManifestDescriptor> signature_manifests(const Digest& image);
    [[nodiscard]] std::string read_small(const Digest& digest, std::uint64_t size);
    [[nodiscard]] std::string read_index();

    SourceName name_;
    std::unique_ptr<LayoutFiles> files_;
};

}  // namespace overdrive
