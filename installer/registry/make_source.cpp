#include "registry/make_source.hpp"

#include "model/pair.hpp"
#include "registry/layout_source.hpp"
#include "registry/registry_source.hpp"
#include "registry/source_name.hpp"

namespace overdrive {

std::unique_ptr<ArtifactSource> make_source(std::string_view name, HttpTransport& transport, const Config& config,
                                            std::string_view os_id) {
    SourceName source = parse_source_name(fill_template(name, os_id));
    if (source.kind != SourceName::Kind::registry) return std::make_unique<OciLayoutSource>(std::move(source));
    const bool plain_http = allows_plain_http(source.host, config.insecure_registries);
    return std::make_unique<RegistrySource>(std::move(source), transport, plain_http);
}

}  // namespace overdrive
