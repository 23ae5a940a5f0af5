#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/unit_manager.hpp"
#include "support/root.hpp"

namespace overdrive {

/// The host's systemd, over the system bus whose socket lies below the host root: also from within a container.
///
/// Connects when first used and again after a lost connection. Not for use by several threads at once.
/// Every Error is service_manager, names the unit and carries systemd's own words.
/// @see org.freedesktop.systemd1(5)
class SdbusUnitManager final : public UnitManager {
public:
    /// @param root must outlive this object
    explicit SdbusUnitManager(const Root& root);
    SdbusUnitManager(const SdbusUnitManager&) = delete;
    SdbusUnitManager& operator=(const SdbusUnitManager&) = delete;
    ~SdbusUnitManager() override;

    [[nodiscard]] bool reachable() override;
    void daemon_reload() override;
    /// systemd takes notice of new links at the next `daemon_reload`.
    bool enable(const std::vector<std::string>& units) override;
    void disable(const std::vector<std::string>& units) override;
    void start(const std::string& unit, std::chrono::milliseconds timeout) override;
    /// A unit that is not known is stopped already.
    void stop(const std::string& unit, std::chrono::milliseconds timeout) override;
    void queue_restart(const std::string& unit) override;
    void queue_start(const std::string& unit) override;
    void forget_starts(const std::string& unit) override;
    void queue_stop(const std::string& unit) override;
    [[nodiscard]] std::optional<std::string> active_state(const std::string& unit) override;
    /// The unit is gone when this returns; its lines stay in the journal.
    /// @throws Error also when systemd could not execute the program, or ended the unit before it had run
    TransientResult run_transient(const TransientUnit& unit, const std::function<void()>& while_waiting) override;

private:
    class Bus;
    Bus& bus();
    /// Runs D-Bus calls; what the library throws becomes our Error, and a lost connection is made anew next time.
    template <typename Body>
    auto calling(std::string_view attempted, Body&& body);
    /// Waits for a job's end. @throws Error when it does not end well, or not in time
    static void finish(Bus& bus, const std::string& unit, const std::string& job, std::chrono::milliseconds timeout);

    const Root& root_;
    std::unique_ptr<Bus> bus_;
};

}  // namespace overdrive
