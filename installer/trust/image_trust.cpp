#include "trust/image_trust.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>

#include "support/error.hpp"
#include "support/visible_text.hpp"
#include "trust/simple_signing.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostReasons = 5;

/// A docker-reference in its parts; tag and digest may be empty.
struct Reference {
    std::string repository;
    std::string_view tag;
    std::string_view digest;
};

/// Docker's own registry has three names, and cosign writes another one than people do.
std::string one_name(std::string_view repository) {
    constexpr std::string_view kHub = "docker.io/";
    for (const std::string_view alias :
         std::to_array<std::string_view>({"index.docker.io/", "registry-1.docker.io/"})) {
        if (repository.starts_with(alias)) return std::string{kHub} + std::string{repository.substr(alias.size())};
    }
    return std::string{repository};
}

Reference split(std::string_view text) {
    Reference out;
    if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
        out.digest = text.substr(at + 1);
        text = text.substr(0, at);
    }
    const std::size_t colon = text.rfind(':');
    const bool is_tag = colon != std::string_view::npos && text.find('/', colon) == std::string_view::npos &&
                        text.find('/') != std::string_view::npos;
    if (is_tag) {
        out.tag = text.substr(colon + 1);
        text = text.substr(0, colon);
    }
    out.repository = one_name(text);
    return out;
}

bool is_repository_of(const std::string& repository, const ImageClaim& claim, const TrustPolicy& policy) {
    const auto& others = policy.identity;
    if (claim.repository.empty()) {
        return others.empty() || std::any_of(others.begin(), others.end(), [&](const std::string& other) {
                   return is_below_place(repository, one_name(other));
               });
    }
    if (repository == one_name(claim.repository)) return true;
    const bool has_rest = !policy.prefix.empty() && is_below_place(claim.repository, policy.prefix);
    const std::string rest = has_rest ? claim.repository.substr(policy.prefix.size()) : std::string{};
    return std::any_of(others.begin(), others.end(), [&](const std::string& other) {
        return repository == one_name(other) || (!rest.empty() && repository == one_name(other) + rest);
    });
}

/// What is wrong with a payload that a key signed, in words; empty when nothing is.
std::string wrong_with(const SimpleSigning& signing, const ImageClaim& claim, const TrustPolicy& policy) {
    const bool same =
        std::find(claim.digests.begin(), claim.digests.end(), signing.manifest_digest) != claim.digests.end();
    if (!same) return fmt::format("for another image, {}", signing.manifest_digest.text());
    if (is_for(signing.identity, claim, policy)) return {};
    return fmt::format("for '{}', not for '{}:{}'", visible_text(signing.identity),
                       claim.repository.empty() ? "*" : claim.repository, claim.tag);
}

/// Collects what the signatures say.
class Hearing {
public:
    Hearing(const TrustPolicy& policy, const TrustedKeys& trusted, const ImageClaim& claim)
        : policy_{policy},
          trusted_{trusted},
          claim_{claim},
          vouched_(trusted.keys.size(), false),
          serials_(trusted.keys.size()) {}

    void hear(const ImageSignature& signature) {
        std::vector<std::size_t> by;
        for (std::size_t i = 0; i < trusted_.keys.size(); ++i) {
            if (trusted_.keys[i].key.verifies(signature.payload, signature.base64)) by.push_back(i);
        }
        if (by.empty()) {
            ++reasons_[missing_keys(policy_, trusted_, std::vector<bool>(trusted_.keys.size(), false))];
            return;
        }
        try {
            const SimpleSigning signing = SimpleSigning::parse(signature.payload);
            const std::string wrong = wrong_with(signing, claim_, policy_);
            if (wrong.empty())
                accept(by, signing);
            else
                ++reasons_[fmt::format("by '{}', but {}", trusted_.keys[by.front()].path, wrong)];
        } catch (const Error& error) {
            ++reasons_[fmt::format("by '{}', but not to be understood: {}", trusted_.keys[by.front()].path,
                                   visible_text(error.what()))];
        }
    }

    [[nodiscard]] ImageAnswer answer(std::size_t heard) const {
        auto keys = enough_keys(policy_, trusted_, vouched_);
        if (!keys) return {.vouching = std::nullopt, .why_not = why_not(heard)};
        Vouching vouching{.kind = Vouching::Kind::manifest, .keys = std::move(*keys), .serial = serial()};
        if (vouching.serial)
            vouching.serial_of = (claim_.repository.empty() ? signed_for_ : claim_.repository) + ":" + claim_.tag;
        return {.vouching = std::move(vouching), .why_not = {}};
    }

private:
    void accept(const std::vector<std::size_t>& by, const SimpleSigning& signing) {
        for (const std::size_t i : by) {
            vouched_[i] = true;
            if (signing.serial > serials_[i]) serials_[i] = signing.serial;
        }
        if (signed_for_.empty()) signed_for_ = split(signing.identity).repository;
    }

    /// The highest that is signed; where every key must sign, the highest that each of them signed.
    [[nodiscard]] std::optional<std::uint64_t> serial() const {
        const auto last = policy_.require_all ? std::min_element(serials_.begin(), serials_.end())
                                              : std::max_element(serials_.begin(), serials_.end());
        return last == serials_.end() ? std::nullopt : *last;
    }

    [[nodiscard]] std::string why_not(std::size_t heard) const {
        if (heard == 0) return "the image has no signature at its source";
        const bool some = std::find(vouched_.begin(), vouched_.end(), true) != vouched_.end();
        std::string why = some         ? "the image is signed " + missing_keys(policy_, trusted_, vouched_)
                          : heard == 1 ? "the image's signature does not count"
                                       : fmt::format("none of the image's {} signatures counts", heard);
        std::size_t told = 0;
        for (const auto& [reason, count] : reasons_) {
            if (++told > kMostReasons) {
                why += "; and others";
                break;
            }
            why +=
                fmt::format("; {} is {}", count == 1 ? std::string{"one"} : fmt::format("each of {}", count), reason);
        }
        return why;
    }

    const TrustPolicy& policy_;
    const TrustedKeys& trusted_;
    const ImageClaim& claim_;
    std::vector<bool> vouched_;
    std::vector<std::optional<std::uint64_t>> serials_;
    std::string signed_for_;
    std::map<std::string, std::size_t> reasons_;
};

}  // namespace

bool is_for(std::string_view text, const ImageClaim& claim, const TrustPolicy& policy) {
    const Reference reference = split(text);
    if (!reference.tag.empty() && reference.tag != claim.tag) return false;
    const bool is_digest = reference.digest.empty() ||
                           std::any_of(claim.digests.begin(), claim.digests.end(),
                                       [&](const Digest& digest) { return digest.text() == reference.digest; });
    return is_digest && is_repository_of(reference.repository, claim, policy);
}

ImageAnswer ask_signatures(const TrustPolicy& policy, const TrustedKeys& trusted, const ImageClaim& claim,
                           const std::vector<ImageSignature>& signatures) {
    Hearing hearing{policy, trusted, claim};
    const std::size_t heard = std::min(signatures.size(), kMostSignatures);
    std::for_each(signatures.end() - static_cast<std::ptrdiff_t>(heard), signatures.end(),
                  [&](const ImageSignature& signature) { hearing.hear(signature); });
    return hearing.answer(heard);
}

}  // namespace overdrive
