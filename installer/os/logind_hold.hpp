#pragma once

#include <memory>
#include <string>

#include "ports/reboot_hold.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Takes an inhibitor lock of logind over `shutdown` (which is every kind of reboot), in mode `block`. It lasts as long
/// as the answer lives, also over a restart of logind; the kernel gives it up when this process dies.
/// @param why a sentence that logind shows to who asks for a reboot
/// @throws Error service_manager when there is no bus or no logind, or it refuses
/// @see org.freedesktop.login1(5), Inhibit(); up to systemd 256 logind and systemctl ask root for no lock unless told
/// to
[[nodiscard]] std::unique_ptr<RebootHold> hold_reboot(const Root& root, const std::string& why);

}  // namespace overdrive
