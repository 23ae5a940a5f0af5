#include "verbs/wait.hpp"

#include <fmt/format.h>

#include "verbs/desired_state.hpp"
#include "verbs/local_state.hpp"

namespace overdrive {

namespace {

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
        services.clock.sleep(std::chrono::milliseconds{500});
    }
}

}  // namespace overdrive
