#pragma once

#include <string>
#include <string_view>

#include "model/device_holder.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What somebody else wrote, on one line of plain ASCII, as it may stand in a message.
[[nodiscard]] std::string printable_ascii(std::string_view text);

/// Whether a name in /proc is a process.
[[nodiscard]] bool is_pid(std::string_view name);

/// Who a process is: its program, unit, container and pod, as far as /proc and the kubelet's directories tell.
/// @param pid its directory in /proc
/// @throws Error io when it has ended meanwhile
[[nodiscard]] DeviceHolder describe_process(const Root& root, const std::string& pid);

/// The pod with this uid: `namespace/name` from the kubelet's logs, else the name in its hosts file, else the uid.
[[nodiscard]] std::string pod_name(const Root& root, const std::string& uid);

}  // namespace overdrive
