#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace overdrive {

/// A decimal number that is all of the text; nullopt for anything else, also one that does not fit.
template <typename Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace overdrive
