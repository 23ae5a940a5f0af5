#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "model/config.hpp"

namespace overdrive {

/// What the command line says about a loaded driver that somebody uses; the configuration says the rest.
struct BusyRequest {
    std::optional<WhenBusy> when_busy;  ///< `--when-busy`
    bool now = false;                   ///< `--now`: as `stop`, and a failure instead of the next boot
};

/// What an activation does about a loaded driver that somebody uses and that has to go for another one.
struct BusyPolicy {
    WhenBusy when = WhenBusy::defer;
    std::chrono::seconds patience{60};  ///< how long it is waited for its users to end
    bool now = false;                   ///< it is not put off to the next boot
    bool may_wait = true;               ///< not inside a unit's own start: what is ordered after it would wait as well

    /// Whether the services that only watch the GPUs are stopped, besides the driver's own daemons.
    [[nodiscard]] bool stops_monitors() const noexcept { return now || when == WhenBusy::stop; }
};

[[nodiscard]] BusyPolicy busy_policy(const Config& config, const BusyRequest& request, bool inside_unit);

/// What to do next while somebody holds the driver.
enum class BusyStep {
    wait,   ///< a moment, then look again
    defer,  ///< the other driver takes over at the next boot
    refuse  ///< fail, naming who holds it; nothing was changed
};

/// @param can_end whether waiting can help: processes end, another kernel module or a console does not by itself
/// @param waited  for how long it was waited already
[[nodiscard]] BusyStep next_busy_step(const BusyPolicy& policy, bool can_end,
                                      std::chrono::milliseconds waited) noexcept;

/// `defer`, `wait`, `stop`; nullopt for any other word.
[[nodiscard]] std::optional<WhenBusy> parse_when_busy(std::string_view text) noexcept;
[[nodiscard]] std::string_view to_string(WhenBusy when) noexcept;

}  // namespace overdrive
