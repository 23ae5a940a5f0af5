#include "trust/trust.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostKeyBytes = 64U << 10U;

constexpr const char* kRemedy =
    "add to /etc/overdrive/config.toml the key that vouches for it:\n"
    "[trust]\n"
    "keys = [\"/etc/overdrive/keys/NAME.pub\"]\n"
    "or, to accept artifacts that nobody signed:\n"
    "[trust]\n"
    "allow-unsigned = true";

std::string why_not(const TrustedKeys& trusted, const std::optional<std::string>& signature) {
    std::string why;
    if (!signature) {
        why = "the artifact has no signature (driver.json.sig)";
    } else if (trusted.keys.empty()) {
        why = "the artifact is signed, but no usable key is configured to check it";
    } else {
        std::vector<std::string> tried;
        for (const auto& key : trusted.keys) tried.push_back(fmt::format("'{}'", key.path));
        why = fmt::format("the signature is by no configured key (tried {})", fmt::join(tried, ", "));
    }
    for (const std::string& problem : trusted.problems) why += "; " + problem;
    return why;
}

}  // namespace

TrustedKeys load_trusted_keys(const Config& config, const Root& host) {
    TrustedKeys trusted;
    for (const std::string& path : config.trust.keys) {
        try {
            const auto pem = host.read_file(path, kMostKeyBytes);
            if (!pem) {
                trusted.problems.push_back(fmt::format("key '{}' does not exist", path));
                continue;
            }
            trusted.keys.push_back({path, PublicKey::parse(*pem, path)});
        } catch (const Error& error) {
            trusted.problems.emplace_back(error.what());
        }
    }
    return trusted;
}

TrustResult check_trust(const Config& config, const TrustedKeys& trusted, std::string_view driver_json,
                        const std::optional<std::string>& signature) {
    if (signature) {
        for (const auto& key : trusted.keys) {
            if (key.key.verifies(driver_json, *signature)) return {key.path, fmt::format("signed by '{}'", key.path)};
        }
    }
    const std::string why = why_not(trusted, signature);
    if (config.trust.allow_unsigned) return {std::nullopt, "allowed by 'allow-unsigned = true': " + why};
    throw Error{Errc::untrusted, why}.with_remedy(kRemedy);
}

}  // namespace overdrive
