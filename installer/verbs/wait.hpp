#pragma once

#include <chrono>
#include <string>

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct WaitOptions {
    std::string target =
        "driver";  ///< `driver`: until there is nothing left to wait for; `ready`: until the word is ready
    std::chrono::seconds timeout{120};
};

/// Lets time pass until something below /run/overdrive has changed, at most `most`.
void wait_for_change(Services& services, std::chrono::milliseconds most);

/// Waits, bounded, for the driver. For `driver` it returns at once when there is no GPU or no source, when the driver
/// is ready, or when nothing that could come would help (a local pair fits but is degraded for another reason).
/// @throws Error interrupted by a signal
/// @return answer_is_no when the time is up
ExitCode run_wait(const WaitOptions& options, Services& services, Report& report);

}  // namespace overdrive
