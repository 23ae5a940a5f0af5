#include "model/digest.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/error.hpp"

namespace overdrive {

namespace {
constexpr std::string_view kPrefix = "sha256:";
bool is_lower_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
}  // namespace

Digest Digest::parse(std::string_view text) {
    if (!text.starts_with(kPrefix)) {
        throw Error{Errc::bad_reference,
                    fmt::format("'{}' is not a digest: it must begin with 'sha256:'", text.substr(0, 100))};
    }
    return from_hex(text.substr(kPrefix.size()));
}

Digest Digest::from_hex(std::string_view hex) {
    if (hex.size() != 64 || !std::all_of(hex.begin(), hex.end(), is_lower_hex)) {
        throw Error{Errc::bad_reference,
                    fmt::format("'{}' is not a sha256 digest: 64 lower-case hexadecimal digits are needed",
                                hex.substr(0, 100))};
    }
    return Digest{std::string{kPrefix} + std::string{hex}};
}

}  // namespace overdrive
