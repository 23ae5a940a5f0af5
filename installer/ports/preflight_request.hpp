#pragma once

#include <string>

#include "model/driver_manifest.hpp"
#include "model/host_facts.hpp"

namespace overdrive {

/// What the preflight wants to know facts about.
struct PreflightRequest {
    const HostFacts& host;
    const DriverManifest* manifest = nullptr;  ///< nullptr: only what is to be known of the host
    std::string generation;                    ///< absolute path on the host
    bool at_boot = false;                      ///< milliseconds count: what only a person wants to know is left out
};

}  // namespace overdrive
