#pragma once

#include <optional>

#include "transaction/steps/unload_modules.hpp"
#include "verbs/local_state.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// The installed generation that the loaded driver came from: `current` where that can be, else the first that can.
/// @return nullopt when none can: somebody else loaded the driver, or its generation is gone
[[nodiscard]] std::optional<LoadedDriver> find_loaded_driver(const Store& store, const LocalState& local);

/// What a step needs to unload it.
[[nodiscard]] UnloadModules::Ports unload_ports(const Services& services);

}  // namespace overdrive
