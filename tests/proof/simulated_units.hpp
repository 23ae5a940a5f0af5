#pragma once

#include <string>
#include <vector>

#include "ports/unit_manager.hpp"
#include "support/root.hpp"

namespace overdrive {

/// SIMULATION of systemd, where there is none: a file below `simulated/units` for every unit that is active or enabled.
/// Starting a unit runs nothing. As SimulatedKernel it makes one system call that a tracer sees (a message to nobody),
/// then the work is done by a thread of its own. Not reachable when the host tree has no `simulated/units`.
class SimulatedUnits final : public UnitManager {
public:
    explicit SimulatedUnits(const Root& root);

    [[nodiscard]] bool reachable() override;
    void daemon_reload() override;
    bool enable(const std::vector<std::string>& units) override;
    void disable(const std::vector<std::string>& units) override;
    void start(const std::string& unit, std::chrono::milliseconds timeout) override;
    void stop(const std::string& unit, std::chrono::milliseconds timeout) override;
    void queue_restart(const std::string& unit) override;
    void queue_start(const std::string& unit) override;
    void forget_starts(const std::string& /*unit*/) override {}
    void queue_stop(const std::string& unit) override;
    [[nodiscard]] std::optional<std::string> active_state(const std::string& unit) override;
    TransientResult run_transient(const TransientUnit& unit, const std::function<void()>& while_waiting) override;

private:
    void mark(const std::string& what, const std::string& unit, bool there) const;

    std::string directory_;
};

}  // namespace overdrive
