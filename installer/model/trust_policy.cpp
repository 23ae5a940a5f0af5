#include "model/trust_policy.hpp"

#include <algorithm>
#include <array>

namespace overdrive {

namespace {
constexpr std::size_t kMostPlace = 512;
/// How places without a registry begin.
constexpr std::array<std::string_view, 3> kLocal{"oci:", "oci-archive:", "image:"};
}  // namespace

std::string wrong_with_place(std::string_view prefix) {
    if (prefix.size() > kMostPlace) return "is too long";
    const bool is_plain = std::none_of(prefix.begin(), prefix.end(), [](char c) { return c <= ' ' || c == '\x7f'; });
    if (prefix.empty() || !is_plain) return "must be a place, as \"registry.example/overdrive\", without spaces";
    if (prefix.find("://") != std::string_view::npos)
        return "must be written without \"docker://\", as \"registry.example/overdrive\"";
    if (prefix.ends_with('/') || prefix.ends_with('*')) return "must end where a name ends, without '/' or '*'";
    if (prefix.ends_with(':') && std::find(kLocal.begin(), kLocal.end(), prefix) == kLocal.end())
        return "must not end with ':'";
    return {};
}

bool is_below_place(std::string_view place, std::string_view prefix) noexcept {
    if (!place.starts_with(prefix)) return false;
    return place.size() == prefix.size() || prefix.ends_with(':') || place[prefix.size()] == '/';
}

const TrustPolicy* longest_match(const std::vector<TrustPolicy>& policies, std::string_view place) noexcept {
    const TrustPolicy* best = nullptr;
    for (const TrustPolicy& policy : policies) {
        const bool longer = best == nullptr || policy.prefix.size() > best->prefix.size();
        if (longer && is_below_place(place, policy.prefix)) best = &policy;
    }
    return best;
}

}  // namespace overdrive
