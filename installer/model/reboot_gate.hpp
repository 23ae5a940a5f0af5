#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace overdrive {

/// What decides whether a reboot is safe for the driver.
struct GateFacts {
    bool gpu_present = false;
    bool driver_expected = false;  ///< one is wished for, or installed
    bool pending_known = true;     ///< whoever knows the pending OS answered
    bool os_pending = false;
    bool os_key_known = true;        ///< what the pending OS's driver is looked up by
    bool installed = false;          ///< a driver that the pending OS's boot would use
    bool allowed = false;            ///< by the operator
    std::chrono::seconds waited{0};  ///< since the pending OS was first seen
    std::chrono::seconds timeout{0};
};

/// The answer of `gate`, with its reason.
enum class GateAnswer {
    // yes
    no_device,      ///< there is no GPU
    not_wanted,     ///< no driver is wished for and none is installed
    no_pending_os,  ///< the next boot runs what runs now
    installed,      ///< the driver for the next boot is there
    allowed,        ///< it is not there, but the operator allows the reboot
    timed_out,      ///< it is not there, but was waited for long enough
    // no
    missing,   ///< the driver for the next boot is not there
    not_known  ///< what the next boot runs cannot be told
};

[[nodiscard]] GateAnswer judge_gate(const GateFacts& facts) noexcept;
[[nodiscard]] bool is_safe(GateAnswer answer) noexcept;
/// The stable name: `no-pending-os`.
[[nodiscard]] std::string_view to_string(GateAnswer answer) noexcept;

}  // namespace overdrive
