#pragma once

#include <string>
#include <vector>

#include "ports/process_runner.hpp"

namespace overdrive {

/// What one of the OS's programs says about its state, on standard output.
/// @throws Error unsupported when it cannot be started, fails, takes longer than a minute or says more than 4 MiB
[[nodiscard]] std::string status_of(ProcessRunner& processes, const std::vector<std::string>& arguments);

}  // namespace overdrive
