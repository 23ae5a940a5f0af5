#pragma once

#include "verbs/telling.hpp"

namespace overdrive {

/// The kinds of entries; docs/overdrive.catalog explains each. `journalctl MESSAGE_ID=...` finds them.
inline constexpr const char* kStateMessageId = "25eb869079fb41eb8243c510adcdbe1c";    ///< the state is another one
inline constexpr const char* kEventMessageId = "02225b41e80e405ea1e42f00c699e17f";    ///< installed, activated, ...
inline constexpr const char* kFailureMessageId = "4dcc2eb48359447ea32b4f45045aa2a6";  ///< a run failed
inline constexpr const char* kHookMessageId = "a1502d1e7ce0440ba25ce8bae669c079";     ///< what a hook said

/// Adds entries with fields (OVERDRIVE_STATE=, OVERDRIVE_REASON=, OVERDRIVE_DRIVER= ...) to the host's journal: for a
/// change of state, for what the run added to the history, and for what it failed with.
void tell_journal(const Services& services, const Telling& telling);

}  // namespace overdrive
