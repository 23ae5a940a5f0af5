#pragma once

#include "model/config.hpp"
#include "ports/clock.hpp"
#include "ports/process_runner.hpp"
#include "registry/curl_transport.hpp"
#include "registry/host_logins.hpp"
#include "registry/registry_places.hpp"
#include "support/root.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What it takes to ask a registry.
struct Registries {
    CurlTransport transport;
    HostLogins logins;
    RegistryAccess access;
    Registries(const Root& root, const Config& config, const ProgramFacts& program, ProcessRunner& processes,
               Clock& clock);
};

}  // namespace overdrive
