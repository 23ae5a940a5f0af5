#include "trust/trust.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostKeyBytes = 64U << 10U;
/// Signatures of one driver.json that are looked at.
constexpr std::size_t kMostLines = 64;

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty() && lines.size() < kMostLines) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (end > 0) lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::vector<bool> who_signed(const TrustedKeys& trusted, std::string_view driver_json,
                             const std::optional<std::string>& signature) {
    std::vector<bool> vouched(trusted.keys.size(), false);
    if (!signature) return vouched;
    for (const std::string_view line : lines_of(*signature)) {
        for (std::size_t i = 0; i < trusted.keys.size(); ++i)
            vouched[i] = vouched[i] || trusted.keys[i].key.verifies(driver_json, line);
    }
    return vouched;
}

std::string why_not(const TrustPolicy& policy, const TrustedKeys& trusted, const std::vector<bool>& vouched,
                    const std::optional<std::string>& signature) {
    if (!signature) return "the artifact has no signature (driver.json.sig)";
    if (trusted.keys.empty() && trusted.problems.empty())
        return "the artifact is signed, but no usable key is configured to check it";
    return "the signature of driver.json is " + missing_keys(policy, trusted, vouched);
}

std::string quoted(const std::vector<std::string>& paths) { return fmt::format("'{}'", fmt::join(paths, "', '")); }

}  // namespace

std::string trust_remedy(const TrustPolicy& policy) {
    const std::string table =
        policy.prefix.empty() ? "[trust]\n" : fmt::format("[[trust.policy]]\nprefix = \"{}\"\n", policy.prefix);
    return fmt::format(
        "{} /etc/overdrive/config.toml the key that vouches for it:\n"
        "{}keys = [\"/etc/overdrive/keys/NAME.pub\"]\n"
        "or, to accept artifacts that nobody signed:\n"
        "{}allow-unsigned = true",
        policy.prefix.empty() ? "add to" : "write into this policy of", table, table);
}

TrustedKeys load_trusted_keys(const std::vector<std::string>& paths, const Root& host) {
    TrustedKeys trusted;
    for (const std::string& path : paths) {
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

std::optional<std::vector<std::string>> enough_keys(const TrustPolicy& policy, const TrustedKeys& trusted,
                                                    const std::vector<bool>& vouched) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < trusted.keys.size(); ++i) {
        if (vouched[i]) keys.push_back(trusted.keys[i].path);
    }
    const bool all = keys.size() == trusted.keys.size() && trusted.problems.empty();
    if (keys.empty() || (policy.require_all && !all)) return std::nullopt;
    return keys;
}

std::string missing_keys(const TrustPolicy& policy, const TrustedKeys& trusted, const std::vector<bool>& vouched) {
    std::vector<std::string> missing;
    for (std::size_t i = 0; i < trusted.keys.size(); ++i) {
        if (!vouched[i]) missing.push_back(trusted.keys[i].path);
    }
    std::string why;
    if (missing.size() == trusted.keys.size()) {
        why = missing.empty() ? "by no usable key" : fmt::format("by no configured key (tried {})", quoted(missing));
    } else if (policy.require_all && !missing.empty()) {
        why = fmt::format("not by {}, and the policy requires all keys", quoted(missing));
    } else {
        why = "not by every key that the policy requires";
    }
    for (const std::string& problem : trusted.problems) why += "; " + problem;
    return why;
}

TrustResult check_trust(const TrustPolicy& policy, const TrustedKeys& trusted, std::string_view driver_json,
                        const std::optional<std::string>& signature, const std::string& image_why_not) {
    const std::vector<bool> vouched = who_signed(trusted, driver_json, signature);
    if (auto keys = enough_keys(policy, trusted, vouched)) {
        const Vouching vouching{.kind = Vouching::Kind::driver_json, .keys = std::move(*keys)};
        return {vouching, to_text(vouching)};
    }
    std::string why = why_not(policy, trusted, vouched, signature);
    if (!image_why_not.empty()) why = image_why_not + "; " + why;
    if (policy.allow_unsigned) return {Vouching{}, "allowed by 'allow-unsigned = true': " + why};
    throw Error{Errc::untrusted, why}.with_remedy(trust_remedy(policy));
}

}  // namespace overdrive
