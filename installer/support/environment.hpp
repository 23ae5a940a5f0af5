#pragma once

#include <map>
#include <string>

namespace overdrive {

/// A variable of this process's environment; empty when it is not set.
[[nodiscard]] std::string environment_variable(const char* name);

/// The environment that a helper program of the host is given: ours without what steers a dynamic loader (`LD_*`,
/// `GLIBC_TUNABLES`).
[[nodiscard]] std::map<std::string, std::string> environment_for_helpers();

}  // namespace overdrive
