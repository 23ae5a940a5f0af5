#pragma once

#include <string>
#include <vector>

namespace overdrive {

/// A process that has a device of the driver open or mapped. Every text is printable: it may come from a container.
struct DeviceHolder {
    int pid = 0;            ///< on the host
    std::string program;    ///< /proc/<pid>/comm, at most 15 bytes
    std::string command;    ///< its command line, shortened; may hold secrets, so messages do not show it
    std::string unit;       ///< the systemd unit it belongs to: `nvidia-persistenced.service`; empty when none is known
    std::string container;  ///< `podman 0123456789ab`; empty when it is in none that we recognise
    std::string pod;        ///< `namespace/name`, or the pod's uid where that is all there is; empty outside a pod
    friend bool operator==(const DeviceHolder&, const DeviceHolder&) = default;
};

/// `pid 1234 python3 (pod training/job-0)`
[[nodiscard]] std::string to_text(const DeviceHolder& holder);

/// All of them, joined by commas; after the first eight only how many more there are.
[[nodiscard]] std::string to_text(const std::vector<DeviceHolder>& holders);

}  // namespace overdrive
