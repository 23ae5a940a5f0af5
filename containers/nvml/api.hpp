#pragma once

#include <array>
#include <cstddef>

/// The part of NVML's binary interface that is used here, in words of our own: the library comes with the driver and is
/// opened at run time. Every function returns 0 when it did what it says; `_v2` and `_v3` are part of a name for good.
/// @see the NVML API Reference Guide of NVIDIA
namespace overdrive::nvml {

using Status = int;
inline constexpr Status kDone = 0;
inline constexpr Status kNotSupported = 3;
inline constexpr Status kNotFound = 6;

/// A GPU or a MIG instance; of use to the library alone.
using Device = void*;

/// Room for a name, a UUID or a version: 96, 96 and 80 bytes.
inline constexpr std::size_t kMostText = 96;

struct PciInfo {
    std::array<char, 16> short_bus_id;
    unsigned domain;
    unsigned bus;
    unsigned device;
    unsigned device_id;
    unsigned subsystem_id;
    std::array<char, 32> bus_id;  ///< `00000000:07:00.0`
};

using Init = Status (*)();
using GetDriverVersion = Status (*)(char* text, unsigned length);
using GetCount = Status (*)(unsigned* count);
using GetHandleByIndex = Status (*)(unsigned index, Device* device);
using GetText = Status (*)(Device device, char* text, unsigned length);
using GetNumber = Status (*)(Device device, unsigned* value);
using GetPciInfo = Status (*)(Device device, PciInfo* info);
using GetMigMode = Status (*)(Device device, unsigned* now, unsigned* at_reset);
using GetMigHandleByIndex = Status (*)(Device device, unsigned index, Device* instance);
using ErrorText = const char* (*)(Status status);

}  // namespace overdrive::nvml
