#pragma once

#include "cdi/driver_libraries.hpp"
#include "cdi/driver_tree.hpp"
#include "cdi/generate.hpp"
#include "cdi/hooks.hpp"
#include "cdi/spec.hpp"

namespace overdrive {

/// The roots that a specification is made from.
struct CdiRoots {
    const DriverTree& host;
    const DriverTree& driver;
    const DriverTree& dev;
    const DriverTree& proc;
    const DriverTree& sys;
};

/// What every container gets of the driver: libraries, programs, firmware, sockets, the hooks that make them usable.
/// @param graphics  also what draws: configuration, libraries of the windowing side, the application profile
[[nodiscard]] CdiEdits driver_edits(const CdiRoots& roots, const DriverLibraries& libraries,
                                    const CdiGenerateOptions& options, const CdiHookMaker& hooks, bool graphics);

/// Makes older runtimes' own NVIDIA hook keep its hands off a container that CDI serves.
inline constexpr const char* kVoidDevices = "NVIDIA_VISIBLE_DEVICES=void";

}  // namespace overdrive
