#pragma once

#include <string>
#include <string_view>

namespace overdrive {

/// A configuration file for somebody else's eyes: its keys and values without comments, what no key of ours is as
/// `***`, and masked besides. Of a text that is no TOML only what is wrong with it is told.
/// @param name the file's, for the message @see without_secrets
[[nodiscard]] std::string config_view(std::string_view text, const std::string& name);

}  // namespace overdrive
