#pragma once

#include <chrono>
#include <string>

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct HistoryOptions {
    std::size_t most = 0;  ///< how many of the newest; 0: all
    std::string since;     ///< as read_moment() takes it; empty: from the beginning
};

/// A moment in words: `2026-11-21`, `2026-11-21 09:12`, `2026-11-21 09:12:05` in UTC as the history prints it, or so
/// long before `now`: `30m`, `12h`, `7d`.
/// @throws Error usage
[[nodiscard]] std::chrono::seconds read_moment(const std::string& text, std::chrono::seconds now);

/// Tells what happened to this host's driver, newest last. A damaged record is a warning: it has no history.
ExitCode run_history(const HistoryOptions& options, Services& services, Report& report);

}  // namespace overdrive
