#pragma once

#include <optional>
#include <string>
#include <vector>

#include "verbs/local_state.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// How this host shows the libraries of a generation. @throws Error exposure naming what the host has already
[[nodiscard]] ExposurePlan exposure_plan(Services& services, const Store& store, const HostFacts& facts,
                                         const Config& config, const DriverManifest& manifest);

/// What undo puts back: the plan of the generation that `current` named before; nullopt where it shows nothing.
[[nodiscard]] std::optional<ExposurePlan> previous_exposure_plan(Services& services, const Store& store,
                                                                 const LocalState& local, const Config& config);

/// Whether the kernel has all modules that this driver loads, and looks for firmware where they need it.
[[nodiscard]] bool modules_are_in_force(const Store& store, const LocalState& local, const DriverManifest& manifest);

/// Whether everything an activation makes is there already, so that running it again costs a look and no more.
[[nodiscard]] bool is_in_force(Services& services, const Store& store, const Config& config, const LocalState& local,
                               const DriverManifest& manifest);

/// The steps of an activation in words, for --dry-run.
[[nodiscard]] std::vector<std::string> describe_activation(Services& services, const Store& store,
                                                           const LocalState& local, const Config& config,
                                                           const DriverManifest& manifest);

}  // namespace overdrive
