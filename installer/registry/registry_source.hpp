#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ports/artifact_source.hpp"
#include "ports/clock.hpp"
#include "ports/http_transport.hpp"
#include "registry/endpoint.hpp"
#include "registry/patience.hpp"
#include "registry/registry_session.hpp"
#include "registry/signature_manifest.hpp"
#include "registry/source_name.hpp"

namespace overdrive {

/// A repository of an OCI registry, at the places where it can be asked for: its mirrors, then the registry itself.
///
/// The places are asked in order; what one does not give (no answer, no login, no such blob, a manifest that is not
/// what it should be) the next one is asked for. There is no such tag only when the configured place itself says so, or
/// all do: a dead registry is never taken for an empty one. What a tag stands for is settled by the first answer; all
/// else is asked for by digest, so that a tag that moves meanwhile does not mix two artifacts.
/// @see OCI distribution-spec
class RegistrySource final : public ArtifactSource {
public:
    /// @param endpoints in the order to try, mirrors first, the configured place last; not empty
    /// @param transport as well as the rest must outlive the source
    RegistrySource(SourceName name, std::vector<Endpoint> endpoints, HttpTransport& transport, LoginFinder& logins,
                   Clock& clock, const Patience& patience);

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
    [[nodiscard]] bool may_be_partial() const override { return false; }

private:
    struct Document {
        std::string body;
        std::string media_type;
    };
    /// What is asked of one endpoint. @return false when it has not what was asked for
    using Question = std::function<bool(RegistrySession&)>;
    enum class By {
        tag,
        digest,
        signature_tag,  ///< where one endpoint says that there is none, others need not be reached: a signature that is
                        ///< not seen is refused where one is wanted
        referrers       ///< the same, by digest
    };

    /// Asks the endpoints in order until one has it. @param is_final failures after which no other one is asked
    /// @return false when there is no such thing @throws Error naming each endpoint's failure
    [[nodiscard]] bool ask(By by, const Question& question, const std::function<bool(const Error&)>& is_final = {});
    [[nodiscard]] std::optional<Document> find_manifest(By by, const std::string& reference);
    [[nodiscard]] Document manifest_by_digest(const Digest& digest, std::uint64_t size, const std::string& what);
    [[nodiscard]] std::string small_blob(const Digest& digest, std::uint64_t size, const std::string& what);
    [[nodiscard]] std::optional<std::string> list_referrers(const Digest& image);
    /// The image that a tag or a digest stands for. @param reference for people
    [[nodiscard]] std::optional<ResolvedArtifact> artifact_of(const Document& top, const std::string& reference,
                                                              const std::string& architecture);
    /// As the manifest says it; otherwise its configuration is asked for.
    [[nodiscard]] std::string architecture_of(const ImageManifest& manifest);
    [[nodiscard]] std::string identity_of(const std::string& tag) const;
    [[nodiscard]] std::vector<SignatureLayer> tagged_signatures(const Digest& image);
    [[nodiscard]] std::vector<SignatureLayer> referring_signatures(const Digest& image);

    SourceName name_;
    std::vector<RegistrySession> sessions_;  ///< one for each endpoint
    std::vector<bool> is_dead_;              ///< endpoints that did not answer: asked last from then on
};

}  // namespace overdrive
