#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// One way in which a server wants to be logged in to.
struct Challenge {
    std::string scheme;                             ///< in lower case: `bearer`, `basic`
    std::map<std::string, std::string> parameters;  ///< names in lower case, values without quotes and escapes

    /// Empty when it is not there.
    [[nodiscard]] std::string parameter(const std::string& name) const;
    friend bool operator==(const Challenge&, const Challenge&) = default;
};

/// The challenges of a WWW-Authenticate field, or of several joined by commas, in order. Empty when the field is
/// malformed anywhere, larger than 8 KiB, has more than 16 challenges or a parameter twice: a login is no place for
/// guesses.
/// @see RFC 9110 11.3 and 11.6.1
[[nodiscard]] std::vector<Challenge> parse_challenges(std::string_view field);

}  // namespace overdrive
