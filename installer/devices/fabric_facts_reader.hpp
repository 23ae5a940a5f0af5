#pragma once

#include "model/fabric_facts.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What asks for more daemons than nvidia-persistenced, from /sys and /etc/nvidia-imex. What cannot be read is not
/// there.
[[nodiscard]] FabricFacts read_fabric_facts(const Root& root);

}  // namespace overdrive
