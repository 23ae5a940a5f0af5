#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "cdi/spec.hpp"

namespace overdrive {

/// A version of the CDI specification, or of an engine that reads it.
struct CdiVersion {
    unsigned major_number = 0;
    unsigned minor_number = 0;
    unsigned patch = 0;

    friend auto operator<=>(const CdiVersion&, const CdiVersion&) = default;
    friend bool operator==(const CdiVersion&, const CdiVersion&) = default;
};

/// `0.5.0`
[[nodiscard]] std::string to_text(const CdiVersion& version);
/// `0.5.0`, `v0.5.0`; an engine's `4.9` and `1.7.24~ds1-6` too, what follows the numbers is not looked at. nullopt
/// when it begins with no number.
[[nodiscard]] std::optional<CdiVersion> parse_cdi_version(std::string_view text);

/// Whether the specification was ever published with this version.
[[nodiscard]] bool is_known_cdi_version(std::string_view text);
/// The oldest that libraries of today load, and the newest that this program knows.
inline constexpr CdiVersion kOldestCdiVersion{0, 3, 0};
inline constexpr CdiVersion kNewestCdiVersion{1, 1, 0};

/// The version that the content of `spec` needs, whatever it says of itself.
/// @see SPEC.md of CDI, "Released versions"
[[nodiscard]] CdiVersion minimum_cdi_version(const CdiSpec& spec);

}  // namespace overdrive
