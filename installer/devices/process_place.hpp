#pragma once

#include <string>
#include <string_view>

namespace overdrive {

/// Where a process belongs, as far as its control group tells.
struct ProcessPlace {
    std::string unit;          ///< the system manager's unit; empty when none is named
    std::string runtime;       ///< `docker`, `containerd`, `cri-o`, `podman`, or `container` when only the id is plain
    std::string container_id;  ///< 64 hexadecimal digits
    std::string pod_uid;       ///< with dashes, as Kubernetes writes it
    friend bool operator==(const ProcessPlace&, const ProcessPlace&) = default;
};

/// Reads /proc/<pid>/cgroup of version 1, 2 or both. Pure; what is not recognised stays empty.
/// @see cgroups(7); the names are those that docker, containerd, cri-o, podman and the kubelet give, with the systemd
/// and with the cgroupfs driver
[[nodiscard]] ProcessPlace parse_process_cgroup(std::string_view text);

}  // namespace overdrive
