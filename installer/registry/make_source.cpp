#include "registry/make_source.hpp"

#include "model/pair.hpp"
#include "registry/layout_source.hpp"
#include "registry/registry_source.hpp"
#include "registry/source_name.hpp"

namespace overdrive {

std::unique_ptr<ArtifactSource> make_source(std::string_view name, RegistryAccess& access, std::string_view os_id) {
    SourceName source = parse_source_name(fill_template(name, os_id));
    if (source.kind != SourceName::Kind::registry) return std::make_unique<OciLayoutSource>(std::move(source));
    std::vector<Endpoint> endpoints = access.endpoints(source);
    const RegistryAccess::Means& means = access.means();
    return std::make_unique<RegistrySource>(std::move(source), std::move(endpoints), means.transport, means.logins,
                                            means.clock, means.patience);
}

}  // namespace overdrive
