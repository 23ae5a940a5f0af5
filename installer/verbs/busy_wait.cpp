#include "verbs/busy_wait.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/driver_daemons.hpp"
#include "model/unload_plan.hpp"
#include "support/interruption.hpp"
#include "transaction/steps/stop_daemons.hpp"

namespace overdrive {

namespace {

using namespace std::chrono_literals;

constexpr auto kLookAgain = 500ms;
constexpr auto kTellAgain = 10s;

/// Whether those who use the driver may end by themselves.
bool can_end(Services& services) {
    return plan_unload(services.read_facts()).foreign_users.empty() && services.holders.find_in_kernel().empty();
}

}  // namespace

std::vector<std::string> daemons_to_stop(Services& services, const BusyPolicy& policy) {
    std::vector<std::string> units;
    if (policy.stops_monitors()) {
        const std::vector<DeviceHolder> holders = services.holders.find();
        for (const std::string_view monitor : kMonitorDaemons) {
            const bool holds = std::any_of(holders.begin(), holders.end(),
                                           [&](const DeviceHolder& holder) { return holder.unit == monitor; });
            if (holds) units.emplace_back(monitor);
        }
    }
    units.insert(units.end(), kDriverDaemons.begin(), kDriverDaemons.end());
    return running_units(services.units, std::move(units));
}

BusyWait::BusyWait(Services& services, const BusyPolicy& policy, Report& report)
    : services_{services}, policy_{policy}, report_{report}, began_{services.clock.steady()} {}

BusyStep BusyWait::after(const Error& in_use) {
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(services_.clock.steady() - began_);
    const BusyStep step = next_busy_step(policy_, can_end(services_), waited);
    if (step != BusyStep::wait) return step;
    tell(in_use, waited);
    stop_if_interrupted();
    services_.clock.sleep(kLookAgain);
    return step;
}

void BusyWait::tell(const Error& in_use, std::chrono::milliseconds waited) {
    const auto now = services_.clock.steady();
    if (told_ == in_use.what() && now - told_at_ < kTellAgain) return;
    const auto left = std::chrono::ceil<std::chrono::seconds>(policy_.patience - waited);
    report_.note(fmt::format("waiting up to {} s more: {}", left.count(), in_use.what()));
    told_ = in_use.what();
    told_at_ = now;
}

}  // namespace overdrive
