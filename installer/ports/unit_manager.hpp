#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace overdrive {

/// systemd, as far as we need it. Job waits are bounded.
class UnitManager {
public:
    UnitManager() = default;
    UnitManager(const UnitManager&) = delete;
    UnitManager& operator=(const UnitManager&) = delete;
    virtual ~UnitManager() = default;

    /// Whether the host's manager can be reached at all.
    [[nodiscard]] virtual bool reachable() = 0;
    virtual void daemon_reload() = 0;
    /// @return whether links were made (false: all were enabled already)
    virtual bool enable(const std::vector<std::string>& units) = 0;
    virtual void disable(const std::vector<std::string>& units) = 0;
    /// Starts and waits for the job. @throws Error service_manager when the job fails or the time is up
    virtual void start(const std::string& unit, std::chrono::milliseconds timeout) = 0;
    virtual void stop(const std::string& unit, std::chrono::milliseconds timeout) = 0;
    /// Queues a restart and does not wait: safe from inside a unit's own start.
    virtual void queue_restart(const std::string& unit) = 0;
    /// The same for a start. @throws Error service_manager when systemd does not take the job
    virtual void queue_start(const std::string& unit) = 0;
    /// Lets systemd forget how often a unit was started and that it failed, so that its start limit
    /// (StartLimitBurst=) does not refuse a start of ours. An unknown unit is no error.
    /// @see org.freedesktop.systemd1(5), ResetFailedUnit()
    virtual void forget_starts(const std::string& unit) = 0;
    /// The same for a stop; a unit that is not known is stopped already.
    virtual void queue_stop(const std::string& unit) = 0;
    /// ActiveState: `active`, `inactive`, `failed` ...; nullopt when the unit is not known.
    [[nodiscard]] virtual std::optional<std::string> active_state(const std::string& unit) = 0;

    struct TransientUnit {
        std::string name;  ///< `overdrive-install-<id>.service`
        std::string description;
        std::vector<std::string> arguments;  ///< arguments[0] is an absolute path on the host
    };
    struct TransientResult {
        int exit_code = 0;
        std::string result;  ///< systemd's Result: `success`, `exit-code`, `signal` ...
    };
    /// Starts a one-shot service on the host and waits for its end, calling `while_waiting` several times a second.
    /// It runs on when this process dies. @throws Error service_manager
    virtual TransientResult run_transient(const TransientUnit& unit, const std::function<void()>& while_waiting) = 0;
};

}  // namespace overdrive
