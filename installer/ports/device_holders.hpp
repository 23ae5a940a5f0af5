#pragma once

#include <vector>

#include "model/device_holder.hpp"
#include "model/driver_user.hpp"

namespace overdrive {

/// Who keeps the loaded driver from being unloaded, and who else uses what belongs to it.
class DeviceHolders {
public:
    DeviceHolders() = default;
    DeviceHolders(const DeviceHolders&) = delete;
    DeviceHolders& operator=(const DeviceHolders&) = delete;
    virtual ~DeviceHolders() = default;

    /// The processes, also those in containers, that have a device of the driver open or mapped right now, by pid,
    /// without our own. A process that we may not look into is left out: the modules' reference counts tell of it.
    /// @throws Error io when processes cannot be looked at at all
    [[nodiscard]] virtual std::vector<DeviceHolder> find() = 0;

    /// The parts of the kernel that are seen to use a module of the driver, where no process is to be found.
    [[nodiscard]] virtual std::vector<KernelUse> find_in_kernel() = 0;

    /// The processes that have libraries of a driver mapped, by pid and version, and the mount namespaces that have
    /// them bound. They keep no module.
    [[nodiscard]] virtual std::vector<LibraryUser> find_library_users() = 0;
};

}  // namespace overdrive
