#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "model/exit_code.hpp"
#include "store/record.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"
#include "verbs/told_state.hpp"

namespace overdrive {

/// What a run that may have changed something did, for those who listen.
struct Telling {
    std::string_view verb;
    std::chrono::milliseconds took{0};
    const Error* failure = nullptr;   ///< what ended it; nullptr when it did its work
    std::optional<ToldState> state;   ///< what status.json tells now; nullopt when it tells nothing
    std::optional<ToldState> before;  ///< what the listeners were told last in this boot
    std::vector<Event> events;        ///< what it added to the history

    /// Whether the state is another one than the listeners know. The first of a boot is.
    [[nodiscard]] bool is_change() const { return state && (!before || state->is_change_of(*before)); }
};

/// Runs a verb that may change something and then, whether it did its work or failed, tells those who listen: the
/// journal, the metrics file and the hooks, in this order. Called without the lock; at boot the readiness files are
/// written by then. Nothing that goes wrong in telling fails the verb: it is a warning. Not in a container, whose run
/// on the host tells for itself, nor without root.
/// @return, @throws what `body` does
ExitCode run_telling(std::string_view verb, Services& services, Report& report, const std::function<ExitCode()>& body);

/// Adds an entry to the host's journal where there is one.
void log_entry(const Services& services, const LogEntry& entry);

}  // namespace overdrive
