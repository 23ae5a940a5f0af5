#pragma once

#include <vector>

#include "model/device_holder.hpp"

namespace overdrive {

/// Who keeps the loaded driver from being unloaded.
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
};

}  // namespace overdrive
