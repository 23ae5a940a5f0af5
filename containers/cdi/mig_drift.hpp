#pragma once

#include "cdi/driver_tree.hpp"
#include "cdi/spec.hpp"

namespace overdrive {

/// Whether a specification of GPUs gives other MIG instances than there are: the kernel tells nobody when one is made
/// or destroyed, so whoever looks has to compare. By the capability nodes that containers get; an instance that was
/// made anew under the numbers of an old one is not told apart.
/// @param proc  the directory that is /proc
[[nodiscard]] bool has_mig_drift(const CdiSpec& spec, const DriverTree& proc);

}  // namespace overdrive
