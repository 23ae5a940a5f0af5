#pragma once

#include <toml++/toml.h>

#include <string>
#include <string_view>

namespace overdrive {

/// Reads a TOML document. @param name the file's, for messages
/// @throws Error config naming file and line
[[nodiscard]] toml::table parse_toml(std::string_view text, const std::string& name);

}  // namespace overdrive
