#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// Who may vouch for what comes from some places.
struct TrustPolicy {
    /// A repository or what is above it, `registry.example/overdrive`; or a place without a registry:
    /// `oci-archive:/media`, `oci:/srv`, `image:` (the image that the program runs in). Empty: every place that no
    /// other policy is for.
    std::string prefix{};
    std::vector<std::string> keys{};  ///< `keys = ["/etc/overdrive/keys/first.pub"]`: PEM files on the host
    bool require_all = false;         ///< `require = "all"`: every key, not any of them
    bool allow_unsigned = false;      ///< `allow-unsigned = true`
    /// `identity = ["other.example/overdrive"]`: repositories that a signature may name besides the one it is pulled
    /// from. What follows `prefix` in that one may follow here too.
    std::vector<std::string> identity{};

    friend bool operator==(const TrustPolicy&, const TrustPolicy&) = default;
};

/// Why `prefix` can be none, in words that follow it; empty when it can.
[[nodiscard]] std::string wrong_with_place(std::string_view prefix);

/// Whether `place` is `prefix` or below it: `registry.example/overdrive` holds
/// `registry.example/overdrive/nvidia-debian` but not `registry.example/overdrive-old`. A prefix that ends with a colon
/// holds all that begins with it.
[[nodiscard]] bool is_below_place(std::string_view place, std::string_view prefix) noexcept;

/// The policy with the longest prefix that `place` is below; nullptr when there is none.
[[nodiscard]] const TrustPolicy* longest_match(const std::vector<TrustPolicy>& policies,
                                               std::string_view place) noexcept;

}  // namespace overdrive
