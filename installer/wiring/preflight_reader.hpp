#pragma once

#include "model/preflight_facts.hpp"
#include "ports/preflight_request.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Gathers what the preflight judges: small reads only, tens of files, no content of a module beyond its descriptions.
[[nodiscard]] PreflightFacts read_preflight_facts(const Root& root, const PreflightRequest& request);

}  // namespace overdrive
