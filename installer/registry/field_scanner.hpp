#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace overdrive {

/// Reads the parts that HTTP's structured fields are made of, one after the other.
/// @see RFC 9110 5.6 (tokens, whitespace, quoted strings)
class FieldScanner {
public:
    explicit FieldScanner(std::string_view text) noexcept : text_{text} {}

    [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
    [[nodiscard]] std::size_t position() const noexcept { return at_; }
    void go_back_to(std::size_t position) noexcept { at_ = position; }

    /// Spaces and tabs. @return whether there were any
    bool skip_blanks() noexcept;
    /// @return whether `c` was next, and is passed
    bool skip(char c) noexcept;
    /// As many characters of `set` as there are; may be empty.
    std::string_view take_of(std::string_view set) noexcept;
    /// Up to, not including, the first `end`; nullopt when there is none.
    std::optional<std::string_view> take_until(char end) noexcept;
    /// A token; empty when there is none.
    std::string_view take_token() noexcept;
    /// A quoted string without its quotes and escapes; nullopt when it is not one, or holds control characters.
    std::optional<std::string> take_quoted();

private:
    std::string_view text_;
    std::size_t at_ = 0;
};

/// In ASCII, whatever the locale.
[[nodiscard]] std::string lower_case(std::string_view text);
/// Without the spaces, tabs and line ends around it.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

}  // namespace overdrive
