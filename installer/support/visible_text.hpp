#pragma once

#include <string>
#include <string_view>

namespace overdrive {

/// A text that may have come from outside, as it can be shown on a terminal, in a journal and in JSON: bytes that are
/// no UTF-8 and control characters, line ends among them, stand as `\xNN`. Other text stays as it is.
/// @see Unicode 15.0, table 3-7 (well-formed UTF-8)
[[nodiscard]] std::string visible_text(std::string_view text);

}  // namespace overdrive
