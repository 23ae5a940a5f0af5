#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace overdrive {

/// A content digest, `sha256:` and 64 lower-case hexadecimal digits; the only algorithm that is accepted.
/// @see OCI image-spec descriptor.md, "Digests"
class Digest {
public:
    /// @throws Error bad_reference naming the text; the text is never used as a path or URL before
    [[nodiscard]] static Digest parse(std::string_view text);
    /// @param hex 64 lower-case hexadecimal digits @throws Error bad_reference
    [[nodiscard]] static Digest from_hex(std::string_view hex);

    /// `sha256:<hex>`
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] std::string_view hex() const noexcept { return std::string_view{text_}.substr(7); }

    friend auto operator<=>(const Digest&, const Digest&) = default;

private:
    explicit Digest(std::string text) : text_{std::move(text)} {}
    std::string text_;
};

}  // namespace overdrive
