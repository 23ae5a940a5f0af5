#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace overdrive {

/// Base64 with padding, on one line without a newline. @see RFC 4648 4
[[nodiscard]] std::string encode_base64(std::string_view bytes);

/// What `encode_base64` was given; nullopt for anything else: white space, a missing padding, one in the middle.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace overdrive
