#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "ports/clock.hpp"
#include "ports/unit_manager.hpp"
#include "transaction/step.hpp"

namespace overdrive {

/// Services that keep the driver's devices open for as long as they run and are of no use without it, clients first.
/// Ours among them are those of model/daemon_plan.hpp; a host may have the others, and they come back when the driver
/// does.
inline constexpr auto kDriverDaemons = std::to_array<std::string_view>(
    {"nvidia-dcgm.service", "dcgm.service", "nvidia-imex.service", "nvidia-fabricmanager.service",
     "nvidia-nvlsm.service", "nvidia-powerd.service", "nvidia-persistenced.service"});

/// Whether jobs of systemd may be waited for.
enum class Jobs {
    wait,  ///< from a command line or a unit that nothing is ordered after
    queue  ///< inside a unit's own start or reload, where waiting for a job that is ordered after it never ends
};

/// How the journal calls StopDaemons: cut off after it, they are still stopped.
constexpr std::string_view kStopDaemonsId = "stop-daemons";

/// Those of `units` that run, or are about to. None when systemd cannot be reached.
[[nodiscard]] std::vector<std::string> running_units(UnitManager& manager, std::vector<std::string> units);

/// Starts a service again, however often it was started before: swaps of the driver are no crash loop of its daemons.
/// @throws Error service_manager
void start_again(UnitManager& manager, const std::string& unit, Jobs jobs);

/// Stops services, so that the driver can be unloaded; undo starts them again.
class StopDaemons final : public Step {
public:
    /// @param running what runs now, in the order in which it is stopped
    StopDaemons(UnitManager& manager, Clock& clock, std::vector<std::string> running, Jobs jobs);

    [[nodiscard]] std::string_view id() const override { return kStopDaemonsId; }
    [[nodiscard]] std::string_view name() const override { return "stop the driver's daemons"; }
    void prepare() override {}
    /// @throws Error module_busy naming the unit that has not stopped when a minute is over, for all of them
    bool apply() override;
    /// Goes on past a unit that does not start. @throws Error service_manager naming those
    void undo() override;

private:
    void stop(const std::string& unit, std::chrono::steady_clock::time_point deadline);

    UnitManager& manager_;
    Clock& clock_;
    std::vector<std::string> running_;
    Jobs jobs_;
    std::vector<std::string> stopped_;
};

}  // namespace overdrive
