#pragma once

#include <cstdint>

#include "support/root.hpp"

namespace overdrive {

/// A number that differs from host to host and stays the same on one: out of /etc/machine-id, else the host's name,
/// else 0. Hosts that were started together spread by it. The machine id itself cannot be told from it (machine-id(5)).
[[nodiscard]] std::uint64_t host_seed(const Root& root);

}  // namespace overdrive
