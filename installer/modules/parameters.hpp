#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// The options text for finit_module(2): `name=value name2="value with blanks"`.
///
/// The kernel only logs an unknown parameter and loads the module without it: so names are checked here.
/// @param module_name for messages
/// @param known       the module's own `parm` list
/// @throws Error module_load naming an unknown parameter and the nearest known one, or a value that cannot be passed
[[nodiscard]] std::string module_options(std::string_view module_name,
                                         const std::map<std::string, std::string>& parameters,
                                         const std::vector<std::string>& known);

}  // namespace overdrive
