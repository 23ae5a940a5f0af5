#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "model/exit_code.hpp"

namespace overdrive {

/// Tells what is wrong with the command line, with a reason and as JSON like every other failure; prints the help or
/// version when that is what was asked for.
/// @param words the arguments: `--json` counts although it could not be parsed
/// @return the exit code
int tell_parse_outcome(const CLI::App& app, const CLI::ParseError& outcome, const std::vector<std::string>& words);

}  // namespace overdrive
