#pragma once

#include <optional>
#include <string>

#include "trust/trust.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Asks the keys of the configuration (on the host) and of the command line (in our own tree) to vouch for a
/// driver.json.
/// @throws Error untrusted with the lines to add
TrustResult require_trust(const Services& services, const Config& config, const Overrides& overrides,
                          const std::string& driver_json, const std::optional<std::string>& signature);

}  // namespace overdrive
