#pragma once

#include <string_view>

#include "cdi/spec.hpp"

namespace overdrive {

/// Reads a CDI specification from YAML or JSON, as strictly as the engines do: an unknown member, a member twice or a
/// value of another type is refused. What the values mean is judged by `faults_of` (validate.hpp).
///
/// A number where a string belongs is taken as it is written (`name: 0`), as the engines' reader does.
/// @param name  for messages
/// @throws Error bad_manifest: names the member and its line
[[nodiscard]] CdiSpec read_cdi_spec(std::string_view text, std::string_view name);

}  // namespace overdrive
