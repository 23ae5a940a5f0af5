#pragma once

#include <memory>
#include <optional>
#include <string>

#include "builder-images/artifact/image_place.hpp"
#include "builder-images/artifact/image_remover.hpp"
#include "builder-images/artifact/transfer/blob_upload.hpp"
#include "registry/registry_session.hpp"

namespace overdrive {

/// A repository of a registry, read and written at the place itself, never at a mirror.
///
/// Writing: a blob that is there is not sent; one that another repository of the same registry has is mounted; others
/// are uploaded in pieces that fit into memory (BlobUpload). Manifests are put by their digest, the tag comes last.
/// @see OCI distribution-spec
class RegistryImages final : public ImageWriter, public ImageRemover {
public:
    /// @param session its endpoint is the place; must outlive this
    /// @param actions what logins are asked for: `pull`, or `pull,push` where something will be written
    RegistryImages(RegistrySession& session, std::string actions, UploadSettings settings = {});

    [[nodiscard]] std::string name() const override;
    [[nodiscard]] std::optional<RawManifest> tagged(const std::string& tag) override;
    [[nodiscard]] std::optional<RawManifest> manifest(const Digest& digest) override;
    void read_blob(const BlobDescriptor& blob, const Sink& sink) override;
    [[nodiscard]] std::vector<std::string> tags(std::size_t most) override;
    [[nodiscard]] std::vector<BlobDescriptor> referrers(const Digest& subject, std::string_view artifact_type) override;

    [[nodiscard]] bool has_blob(const BlobDescriptor& blob) override;
    BlobMove put_blob(const BlobDescriptor& blob, const BlobOrigin& origin) override;
    void put_manifest(const RawManifest& manifest) override;
    bool put_tag(const std::string& tag, const RawManifest& manifest) override;
    [[nodiscard]] bool lists_referrers() override;
    bool remove_tag(const std::string& tag) override;
    void remove_manifest(const Digest& digest) override;

    /// Where it is, for mounting from it.
    [[nodiscard]] const Endpoint& endpoint() const noexcept { return session_.endpoint(); }

private:
    [[nodiscard]] std::optional<RawManifest> get(const std::string& reference);
    [[nodiscard]] std::optional<std::string> ask_referrers(const Digest& subject);
    [[nodiscard]] HttpResponse ask(const std::string& method, const std::string& path, std::uint64_t most_bytes,
                                   std::vector<std::string> headers = {});
    void put(const std::string& reference, const RawManifest& manifest);
    [[nodiscard]] HttpResponse ask_to_delete(const std::string& reference);
    [[nodiscard]] Error refusal(std::string_view doing, const HttpResponse& response) const;

    RegistrySession& session_;
    std::string actions_;
    UploadSettings settings_;
    std::optional<bool> lists_referrers_;
};

}  // namespace overdrive
