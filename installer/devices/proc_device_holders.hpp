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

/// The devices of the loaded driver: major 195 (nvidia0, nvidiactl, nvidia-modeset), every major in /proc/devices whose
/// name begins with `nvidia` (nvidia-uvm, nvidia-caps for MIG, nvidia-caps-imex-channels, nvidia-nvswitch, nvidia-fs),
/// that of GDRCopy, which uses the driver, the DRM nodes (card, renderD) whose device is bound to `nvidia`, and the i2c
/// buses of its display connectors.
/// @see Documentation/admin-guide/devices.txt
[[nodiscard]] DeviceSet driver_devices(const Root& root);

/// The processes in /proc that have one of `wanted` open or mapped, by pid, without our own. One that ends meanwhile is
/// none, and neither is one that we may not look into; kernel threads have no files. A thread that does not share its
/// process's open files is not looked at.
[[nodiscard]] std::vector<DeviceHolder> find_device_holders(const Root& root, const DeviceSet& wanted);

/// The framebuffer consoles that are drawn through nvidia_drm, the GPU memory that RDMA has registered, and the virtual
/// machines that have a vGPU: references that no process explains.
[[nodiscard]] std::vector<KernelUse> find_kernel_uses(const Root& root);

/// The processes in /proc that have a driver's libraries mapped, and one for each mount namespace that has them bound.
[[nodiscard]] std::vector<LibraryUser> find_library_users(const Root& root);

/// Finds them in /proc. Seeing the processes of others needs root of the host.
class ProcDeviceHolders final : public DeviceHolders {
public:
    explicit ProcDeviceHolders(const Root& root) : root_{root} {}

    [[nodiscard]] std::vector<DeviceHolder> find() override {
        return find_device_holders(root_, driver_devices(root_));
    }
    [[nodiscard]] std::vector<KernelUse> find_in_kernel() override { return find_kernel_uses(root_); }
    [[nodiscard]] std::vector<LibraryUser> find_library_users() override {
        return overdrive::find_library_users(root_);
    }

private:
    const Root& root_;
};

}  // namespace overdrive
