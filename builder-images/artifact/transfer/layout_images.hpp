#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "builder-images/artifact/image_place.hpp"
#include "builder-images/artifact/transfer/tar_writer.hpp"
#include "registry/layout_source.hpp"

namespace overdrive {

/// An image layout that is read: a directory, or a tar file that is never unpacked.
/// @see OCI image-spec image-layout.md
class LayoutImages final : public ImageReader {
public:
    /// @param name  `oci:DIRECTORY`
    LayoutImages(std::string name, std::unique_ptr<LayoutFiles> files);

    [[nodiscard]] std::string name() const override { return name_; }
    /// An empty tag means the only image of the layout. @throws Error bad_reference when there are several
    [[nodiscard]] std::optional<RawManifest> tagged(const std::string& tag) override;
    [[nodiscard]] std::optional<RawManifest> manifest(const Digest& digest) override;
    void read_blob(const BlobDescriptor& blob, const Sink& sink) override;
    [[nodiscard]] std::vector<std::string> tags(std::size_t most) override;
    [[nodiscard]] std::vector<BlobDescriptor> referrers(const Digest& subject, std::string_view artifact_type) override;

private:
    [[nodiscard]] std::string read_index();
    [[nodiscard]] RawManifest load(const ManifestDescriptor& entry);

    std::string name_;
    std::unique_ptr<LayoutFiles> files_;
};

/// An image layout in a directory that is written; made when it is absent.
class LayoutDirectory final : public ImageWriter {
public:
    LayoutDirectory(std::string name, const std::string& directory);

    [[nodiscard]] std::string name() const override { return images_.name(); }
    [[nodiscard]] std::optional<RawManifest> tagged(const std::string& tag) override;
    [[nodiscard]] std::optional<RawManifest> manifest(const Digest& digest) override {
        return images_.manifest(digest);
    }
    void read_blob(const BlobDescriptor& blob, const Sink& sink) override { images_.read_blob(blob, sink); }
    [[nodiscard]] std::vector<std::string> tags(std::size_t most) override;
    [[nodiscard]] std::vector<BlobDescriptor> referrers(const Digest& subject, std::string_view artifact_type) override;

    [[nodiscard]] bool has_blob(const BlobDescriptor& blob) override { return layout_.has(blob); }
    BlobMove put_blob(const BlobDescriptor& blob, const BlobOrigin& origin) override;
    void put_manifest(const RawManifest& manifest) override;
    bool put_tag(const std::string& tag, const RawManifest& manifest) override;
    [[nodiscard]] bool lists_referrers() override { return false; }

private:
    [[nodiscard]] bool is_empty() const;

    OciLayout layout_;
    LayoutImages images_;
};

/// An image layout in a tar file, written from front to end in one pass; nothing is unpacked or kept beside it. The
/// file has its name when `finish` returns, never half of it.
class LayoutArchive final : public ImageWriter {
public:
    /// @throws Error usage when the file is there already: a tar file is written as a whole
    LayoutArchive(std::string name, const std::string& file);

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::optional<RawManifest> tagged(const std::string& tag) override;
    [[nodiscard]] std::optional<RawManifest> manifest(const Digest& digest) override;
    /// What was written cannot be read before it is finished. @throws Error unsupported
    void read_blob(const BlobDescriptor& blob, const Sink& sink) override;
    [[nodiscard]] std::vector<std::string> tags(std::size_t most) override;
    [[nodiscard]] std::vector<BlobDescriptor> referrers(const Digest& /*subject*/,
                                                        std::string_view /*artifact_type*/) override {
        return {};
    }

    [[nodiscard]] bool has_blob(const BlobDescriptor& blob) override { return blobs_.contains(blob.digest); }
    BlobMove put_blob(const BlobDescriptor& blob, const BlobOrigin& origin) override;
    void put_manifest(const RawManifest& manifest) override;
    bool put_tag(const std::string& tag, const RawManifest& manifest) override;
    [[nodiscard]] bool lists_referrers() override { return false; }
    void finish() override;

private:
    std::string name_;
    TarWriter tar_;
    std::set<Digest> blobs_;
    std::map<Digest, RawManifest> manifests_;
    std::map<std::string, Digest> tags_;
};

}  // namespace overdrive
