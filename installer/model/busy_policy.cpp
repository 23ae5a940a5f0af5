#include "model/busy_policy.hpp"

namespace overdrive {

BusyPolicy busy_policy(const Config& config, const BusyRequest& request, bool inside_unit) {
    return {.when = request.when_busy.value_or(config.when_busy),
            .patience = config.busy_wait,
            .now = request.now,
            .may_wait = !inside_unit};
}

BusyStep next_busy_step(const BusyPolicy& policy, bool can_end, std::chrono::milliseconds waited) noexcept {
    const bool waits = policy.may_wait && can_end && (policy.now || policy.when != WhenBusy::defer);
    if (waits && waited < policy.patience) return BusyStep::wait;
    return policy.now ? BusyStep::refuse : BusyStep::defer;
}

std::optional<WhenBusy> parse_when_busy(std::string_view text) noexcept {
    for (const WhenBusy each : {WhenBusy::defer, WhenBusy::wait, WhenBusy::stop}) {
        if (text == to_string(each)) return each;
    }
    return std::nullopt;
}

std::string_view to_string(WhenBusy when) noexcept {
    switch (when) {
        case WhenBusy::defer:
            return "defer";
        case WhenBusy::wait:
            return "wait";
        case WhenBusy::stop:
            return "stop";
    }
    return "defer";
}

}  // namespace overdrive
