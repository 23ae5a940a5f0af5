#pragma once

#include <string>
#include <string_view>

namespace overdrive {

/// A text for somebody else's eyes: what looks like a secret stands as `***`.
///
/// Masked are: the login and the query of a URL; the value after a word like password, token, secret, credential or
/// auth; the environment of a unit; what follows Bearer or Basic; JSON web tokens; private keys in PEM. It errs on the
/// side of masking too much. What no rule can recognise is not to be given to it: comments, command lines.
[[nodiscard]] std::string without_secrets(std::string_view text);

/// The same for a configuration or unit file, whose comments go as well, wherever they stand.
/// @param comment the characters that begin one: `#` in TOML, `#;` in a unit
[[nodiscard]] std::string without_comments_and_secrets(std::string_view text, std::string_view comment);

/// Of a kernel command line only the parameters that a driver has to do with: modules, signatures, lockdown, IOMMU.
[[nodiscard]] std::string driver_parameters(std::string_view command_line);

}  // namespace overdrive
