#pragma once

#include <optional>
#include <string>

#include "verbs/local_state.hpp"

namespace overdrive {

/// What /run/overdrive/status.json says of the last activation in this boot.
struct ActivationNote {
    std::string boot_id;
    std::optional<std::string> failure;
};
[[nodiscard]] std::optional<ActivationNote> read_activation_note(const Root& root);

/// Whether /run/overdrive tells `state` of this boot already, in status.json and in the readiness files.
[[nodiscard]] bool runtime_state_tells(const Root& root, const LocalState& local, const DriverState& state);

/// Takes the failure of an earlier activation back out of /run/overdrive; what it cannot remove it leaves.
void forget_failure(const Root& root) noexcept;

/// Writes /run/overdrive/status.json and the readiness files (`device-present`, `ready`).
void write_runtime_state(const Services& services, const LocalState& local, const DriverState& state,
                         const std::optional<std::string>& failure);

}  // namespace overdrive
