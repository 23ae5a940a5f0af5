#pragma once

#include <optional>

#include "verbs/local_state.hpp"
#include "verbs/told_state.hpp"

namespace overdrive {

/// Whether /run/overdrive tells `state` of this boot already, in status.json and in the readiness files.
[[nodiscard]] bool runtime_state_tells(const Root& root, const LocalState& local, const DriverState& state);

/// Takes the failure of an earlier activation back out of /run/overdrive; what it cannot remove it leaves.
void forget_failure(const Root& root) noexcept;

/// Writes /run/overdrive/status.json and the readiness files: `device-present`, `ready`, and those of NVIDIA's operator
/// where the configuration asks for them. Under the lock. Journal, metrics and hooks are told at the end of the run.
/// @see run_telling
void write_runtime_state(const Services& services, const Config& config, const LocalState& local,
                         const DriverState& state, const std::optional<Error>& failure);

}  // namespace overdrive
