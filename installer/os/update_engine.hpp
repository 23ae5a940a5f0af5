#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "support/root.hpp"

namespace overdrive {

/// Flatcar's updater, over the system bus.
/// @see com.coreos.update1.Manager: GetStatus() and StatusUpdate, both (x last_checked_time, d progress,
///      s current_operation, s new_version, x new_size), at /com/coreos/update1
class UpdateEngine {
public:
    /// @param root must outlive this object
    explicit UpdateEngine(const Root& root);
    UpdateEngine(const UpdateEngine&) = delete;
    UpdateEngine& operator=(const UpdateEngine&) = delete;
    ~UpdateEngine();

    /// The version that is written to the other partition and runs after the next boot; nullopt when there is none, or
    /// no update_engine runs. Empty when update_engine does not know it any more: it was restarted since.
    /// @throws Error service_manager when there is no bus, or update_engine answers with an error
    [[nodiscard]] std::optional<std::string> pending_version();

    /// Returns when update_engine tells that an update needs a reboot, at the latest after `most`, or when a signal
    /// asks us to stop.
    /// @throws Error service_manager when there is no bus, or it ends
    void wait(std::chrono::milliseconds most);

private:
    class Bus;
    Bus& bus();

    const Root& root_;
    std::unique_ptr<Bus> bus_;
};

}  // namespace overdrive
