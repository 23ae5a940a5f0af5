#pragma once

#include <string>
#include <vector>

#include "cdi/spec.hpp"
#include "cdi/version.hpp"

namespace overdrive {

/// A specification that was made to fit an older reader, and what that cost.
struct FittedSpec {
    CdiSpec spec;
    std::vector<std::string> dropped;  ///< a sentence each
};

/// Takes out of `spec` what readers of `newest` do not know and containers can do without: annotations, additional
/// groups, device names that begin with a digit where the same device has another name. Its version becomes the lowest
/// that the rest needs.
/// @throws Error unsupported: something else is in the way, named, with what to change
[[nodiscard]] FittedSpec fit_cdi_version(CdiSpec spec, const CdiVersion& newest);

}  // namespace overdrive
