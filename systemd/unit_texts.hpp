#pragma once

#include <string_view>

namespace overdrive {

/// The text of a template in systemd/units, without its `.in`; placeholders are `@NAME@`.
/// @throws std::logic_error when there is none of that name
[[nodiscard]] std::string_view unit_text(std::string_view name);

}  // namespace overdrive
