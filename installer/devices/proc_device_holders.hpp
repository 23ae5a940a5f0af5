#pragma once

#include <sys/types.h>

#include <set>
#include <vector>

#include "ports/device_holders.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Character devices by number: a container has nodes of its own, with names of its own.
struct DeviceSet {
    std::set<unsigned> majors;
    std::set<dev_t> devices;

    [[nodiscard]] bool contains(unsigned major_number, unsigned minor_number) const;
};

/// The devices of the loaded driver: major 195, every major in /proc/devices whose name begins with `nvidia`, and the
/// DRM nodes whose device is bound to `nvidia`.
/// @see Documentation/admin-guide/devices.txt
[[nodiscard]] DeviceSet driver_devices(const Root& root);

/// The processes in /proc that have one of `wanted` open or mapped, by pid, without our own. One that ends meanwhile is
/// none, and neither is one that we may not look into; kernel threads have no files. A thread that does not share its
/// process's open files is not looked at.
[[nodiscard]] std::vector<DeviceHolder> find_device_holders(const Root& root, const DeviceSet& wanted);

/// Finds them in /proc. Seeing the processes of others needs root of the host.
class ProcDeviceHolders final : public DeviceHolders {
public:
    explicit ProcDeviceHolders(const Root& root) : root_{root} {}

    [[nodiscard]] std::vector<DeviceHolder> find() override {
        return find_device_holders(root_, driver_devices(root_));
    }

private:
    const Root& root_;
};

}  // namespace overdrive
