#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ports/artifact_source.hpp"
#include "ports/clock.hpp"
#include "ports/http_transport.hpp"
#include "registry/endpoint.hpp"
#include "registry/patience.hpp"
#include "registry/source_name.hpp"

namespace overdrive {

/// A repository of an OCI registry.
/// @see OCI distribution-spec
class RegistrySource final : public ArtifactSource {
public:
    /// @param endpoints in the order to try, the place itself last; not empty
    RegistrySource(SourceName name, std::vector<Endpoint> endpoints, HttpTransport& transport, LoginFinder& logins,
                   Clock& clock, Patience patience);

    [[nodiscard]] std::string name() const override { return name_.text(); }
    [[nodiscard]] std::optional<ResolvedArtifact> resolve(const std::string& tag,
                                                          const std::string& architecture) override;
    [[nodiscard]] std::vector<ImageSignature> signatures(const ResolvedArtifact& artifact) override;
    void read_blob(const LayerDescriptor& layer, const Sink& sink) override;
    [[nodiscard]] std::vector<std::string> some_tags() noexcept override;

private:
    struct Document {
        std::string body;
        std::string media_type;
    };
    [[nodiscard]] std::optional<Document> get_manifest(const std::string& reference);
    [[nodiscard]] std::string get_config_architecture(const Digest& digest, std::uint64_t size);
    [[nodiscard]] std::string url(std::string_view rest) const;

    SourceName name_;
    HttpTransport& transport_;
    std::string base_;  ///< `https://host/v2/repository/`
};

}  // namespace overdrive
