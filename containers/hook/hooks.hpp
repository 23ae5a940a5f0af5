#pragma once

#include <functional>
#include <string>

#include "hook/command_line.hpp"

namespace overdrive {

/// Does what one call asks for. @param warn  is told of what is odd but no failure
/// @throws Error
void run_hook(const HookCall& call, const std::function<void(const std::string&)>& warn);

}  // namespace overdrive
