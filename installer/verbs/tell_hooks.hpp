#pragma once

#include "verbs/telling.hpp"

namespace overdrive {

inline constexpr const char* kHookDirectory = "/etc/overdrive/hooks.d";
/// All hooks of one change together take at most so many times the limit of one: at boot the kubelet waits for them.
inline constexpr int kMostHookLimits = 3;

/// Whether a file in hooks.d is meant to be run: letters, digits, `_` and `-` only, as run-parts(8) has it. An editor's
/// backup and a package manager's `.dpkg-new` are not.
[[nodiscard]] bool is_hook_name(std::string_view name);

/// On a change of state, runs the executables in hooks.d one after the other, in the order of their names: status.json
/// on standard input, the state and the one before in the environment (OVERDRIVE_STATE, OVERDRIVE_PREVIOUS_STATE ...).
/// Each may take the configuration's hooks.timeout; then it is killed with everything in its process group. What they
/// say goes to the journal. One that fails, or that others than root may write to and is therefore not run, is a
/// warning.
void tell_hooks(Services& services, const Config& config, const Telling& telling, Report& report);

}  // namespace overdrive
