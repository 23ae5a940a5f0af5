#include "registry/registry_places.hpp"

#include <utility>

namespace overdrive {

RegistryAccess::RegistryAccess(const Root& host, Means means, Settings settings)
    : host_{host}, means_{std::move(means)}, settings_{std::move(settings)} {}

Endpoint RegistryAccess::own_place(const SourceName& name) {
    return {.host = name.host,
            .repository = name.repository,
            .plain_http = allows_plain_http(name.host, settings_.insecure),
            .tls = {}};
}

std::vector<Endpoint> RegistryAccess::endpoints(const SourceName& name) { return {own_place(name)}; }

}  // namespace overdrive
