#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.hpp"
#include "support/root.hpp"
#include "trust/signature.hpp"

namespace overdrive {

/// The public keys that the configuration names, read from the host.
struct TrustedKeys {
    struct Key {
        std::string path;  ///< as the configuration names it
        PublicKey key;
    };
    std::vector<Key> keys;
    std::vector<std::string> problems;  ///< keys that are named but cannot be used, in words
};

/// Reads the keys of `config.trust.keys` below `host`. A key that cannot be used becomes a problem, not an error: it
/// must not keep another key from vouching.
[[nodiscard]] TrustedKeys load_trusted_keys(const Config& config, const Root& host);

/// Why an artifact may be used.
struct TrustResult {
    std::optional<std::string> signed_by;  ///< path of the key that vouches; nullopt: allowed without a signature
    std::string reason;                    ///< for people: `signed by '/etc/overdrive/keys/first.pub'`
};

/// Decides whether a driver.json may be believed: a configured key signed exactly these bytes, or the configuration
/// says `allow-unsigned = true`.
///
/// @param driver_json the bytes as they came, before anything else is done with them
/// @param signature   content of driver.json.sig; nullopt when the artifact has none
/// @throws Error untrusted when neither holds; its remedy is the lines to add to config.toml
[[nodiscard]] TrustResult check_trust(const Config& config, const TrustedKeys& trusted, std::string_view driver_json,
                                      const std::optional<std::string>& signature);

}  // namespace overdrive
