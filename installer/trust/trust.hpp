#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/trust_policy.hpp"
#include "support/root.hpp"
#include "trust/signature.hpp"
#include "trust/vouching.hpp"

namespace overdrive {

/// The public keys that a policy names, read from the host.
struct TrustedKeys {
    struct Key {
        std::string path;  ///< as the configuration names it
        PublicKey key;
    };
    std::vector<Key> keys;
    std::vector<std::string> problems;  ///< keys that are named but cannot be used, in words
};

/// Reads the keys of `paths` below `host`. A key that cannot be used becomes a problem, not an error: it must not keep
/// another key from vouching where any of them may.
[[nodiscard]] TrustedKeys load_trusted_keys(const std::vector<std::string>& paths, const Root& host);

/// Why an artifact may be used.
struct TrustResult {
    Vouching vouching;
    std::string reason;  ///< for people: `driver.json signed by '/etc/overdrive/keys/first.pub'`
};

/// The keys of `vouched`, of which each says whether the key at its place in `trusted` vouches, as the policy wants
/// them: any, or all that it names. nullopt when they are not enough.
[[nodiscard]] std::optional<std::vector<std::string>> enough_keys(const TrustPolicy& policy, const TrustedKeys& trusted,
                                                                  const std::vector<bool>& vouched);

/// Why `vouched` is not enough, in words that follow "signed ...": the keys that are missing, those that cannot be
/// read.
[[nodiscard]] std::string missing_keys(const TrustPolicy& policy, const TrustedKeys& trusted,
                                       const std::vector<bool>& vouched);

/// What to write into the configuration, so that somebody vouches under this policy.
[[nodiscard]] std::string trust_remedy(const TrustPolicy& policy);

/// Decides whether a driver.json may be believed: the policy's keys signed exactly these bytes, or it says
/// `allow-unsigned = true`.
///
/// @param driver_json   the bytes as they came, before anything else is done with them
/// @param signature     content of driver.json.sig, a signature on each line; nullopt when the artifact has none
/// @param image_why_not why no signature of the image itself vouches; empty when that was not asked
/// @throws Error untrusted when neither holds; its remedy is the lines to add to config.toml
[[nodiscard]] TrustResult check_trust(const TrustPolicy& policy, const TrustedKeys& trusted,
                                      std::string_view driver_json, const std::optional<std::string>& signature,
                                      const std::string& image_why_not);

}  // namespace overdrive
