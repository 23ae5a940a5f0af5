#include "verbs/trust_check.hpp"

#include <iterator>

namespace overdrive {

TrustResult require_trust(const Services& services, const Config& config, const Overrides& overrides,
                          const std::string& driver_json, const std::optional<std::string>& signature) {
    TrustedKeys keys = load_trusted_keys(config, services.root);
    Config command_line;
    command_line.trust.keys = overrides.keys;
    TrustedKeys own = load_trusted_keys(command_line, Root{"/"});
    std::move(own.keys.begin(), own.keys.end(), std::back_inserter(keys.keys));
    std::move(own.problems.begin(), own.problems.end(), std::back_inserter(keys.problems));
    return check_trust(config, keys, driver_json, signature);
}

}  // namespace overdrive
