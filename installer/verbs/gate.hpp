#pragma once

#include <chrono>
#include <optional>

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct GateOptions {
    bool hold = false;                            ///< hold reboots back as long as the answer is no
    bool allow = false;                           ///< the operator allows reboots from now on
    bool revoke = false;                          ///< not any more
    std::optional<std::chrono::seconds> lasts{};  ///< with `allow`: for so long; nullopt: until the next boot
};

/// Answers whether it is safe to reboot: whether the driver is there that the next boot will use.
///
/// How long the pending OS has been waiting is kept in /run/overdrive and counted by the monotonic clock: it survives
/// restarts, not reboots, and no wrong clock shortens it.
/// @return answer_is_no when it is not safe; with `hold` ok when it has become safe, was allowed or the time was up
/// @throws Error service_manager when the hold is refused
ExitCode run_gate(const GateOptions& options, Services& services, Report& report);

}  // namespace overdrive
