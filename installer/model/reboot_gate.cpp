#include "model/reboot_gate.hpp"

namespace overdrive {

GateAnswer judge_gate(const GateFacts& facts) noexcept {
    if (!facts.gpu_present) return GateAnswer::no_device;
    if (!facts.driver_expected) return GateAnswer::not_wanted;
    if (facts.pending_known && !facts.os_pending) return GateAnswer::no_pending_os;
    if (facts.installed) return GateAnswer::installed;
    if (facts.allowed) return GateAnswer::allowed;
    if (facts.waited >= facts.timeout) return GateAnswer::timed_out;
    return facts.pending_known && facts.os_key_known ? GateAnswer::missing : GateAnswer::not_known;
}

bool is_safe(GateAnswer answer) noexcept { return answer != GateAnswer::missing && answer != GateAnswer::not_known; }

std::string_view to_string(GateAnswer answer) noexcept {
    switch (answer) {
        case GateAnswer::no_device:
            return "no-device";
        case GateAnswer::not_wanted:
            return "not-wanted";
        case GateAnswer::no_pending_os:
            return "no-pending-os";
        case GateAnswer::installed:
            return "installed";
        case GateAnswer::allowed:
            return "allowed";
        case GateAnswer::timed_out:
            return "timed-out";
        case GateAnswer::missing:
            return "missing";
        case GateAnswer::not_known:
            return "not-known";
    }
    return "";
}

}  // namespace overdrive
