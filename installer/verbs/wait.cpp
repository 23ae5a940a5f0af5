#include "verbs/wait.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/interruption.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/local_state.hpp"

namespace overdrive {

namespace {

/// Modules and nodes come without a word in /run/overdrive.
constexpr std::chrono::milliseconds kLookAgain{2000};

DriverState look(Services& services, const Config& config) {
    const Store store{services.root};
    std::vector<std::string> warnings;
    const LocalState local = read_local_state(services, store, config, warnings);
    return observe(services, store, local, config);
}

/// Whether a driver may still come: nothing local fits and there is a source to ask, or what was fetched is being
/// activated right now.
bool worth_waiting(const DriverState& state, const Config& config, bool fetched_while_waiting) {
    switch (state.because) {
        case DegradedBecause::nothing_installed:
        case DegradedBecause::no_local_pair:
            return !config.sources.empty();
        case DegradedBecause::activation_failed:
        case DegradedBecause::reboot_needed:
            return false;
        default:
            return fetched_while_waiting;
    }
}

}  // namespace

void wait_for_change(Services& services, std::chrono::milliseconds most) {
    if (services.wait_for_change) {
        services.wait_for_change(most);
    } else {
        services.clock.sleep(most);
    }
}

ExitCode run_wait(const WaitOptions& options, Services& services, Report& report) {
    const auto end = services.clock.steady() + options.timeout;
    const Config config = load_config(services.root, {}, Strictness::boot);
    bool nothing_fitted = false;
    while (true) {
        const DriverState state = look(services, config);
        nothing_fitted = nothing_fitted || state.because == DegradedBecause::nothing_installed ||
                         state.because == DegradedBecause::no_local_pair;
        const bool satisfied =
            state.usable() || (options.target == "driver" && !worth_waiting(state, config, nothing_fitted));
        if (satisfied || services.clock.steady() >= end) {
            report.result(
                {{"schema", 1}, {"satisfied", satisfied}, {"state", to_string(state.word)}, {"why", state.why}},
                fmt::format("{}\n", state.text()));
            return satisfied ? ExitCode::ok : ExitCode::answer_is_no;
        }
        wait_for_change(
            services,
            std::min<std::chrono::milliseconds>(
                kLookAgain, std::chrono::duration_cast<std::chrono::milliseconds>(end - services.clock.steady())));
        stop_if_interrupted();
    }
}

}  // namespace overdrive
