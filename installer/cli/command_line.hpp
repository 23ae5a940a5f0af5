#pragma once

#include <memory>

#include "cli/dispatch.hpp"

namespace overdrive {

/// The whole command line: every verb, every option, the help that teaches.
[[nodiscard]] std::unique_ptr<CLI::App> make_command_line(Dispatch& dispatch);

}  // namespace overdrive
