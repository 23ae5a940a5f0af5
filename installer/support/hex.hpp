#pragma once

#include <span>
#include <string>

namespace overdrive {

/// Two lower-case hexadecimal digits for each byte.
[[nodiscard]] std::string hex_digits(std::span<const unsigned char> bytes);

}  // namespace overdrive
