#pragma once

#include <string>
#include <string_view>

#include "model/device_holder.hpp"

namespace overdrive {

/// A part of the kernel that uses one of the driver's modules, so that no process explains the reference.
struct KernelUse {
    std::string module;  ///< kernel spelling: `nvidia_drm`
    std::string what;    ///< `the text console is drawn on it (fb0)`
    std::string remedy;  ///< one sentence with the command, where there is one; else empty
    friend bool operator==(const KernelUse&, const KernelUse&) = default;
};

/// A process that has libraries of a driver mapped, or in its mount namespace. That keeps no module; but it goes on
/// with these libraries until it is started again, whatever driver is loaded meanwhile.
struct LibraryUser {
    /// How it has them.
    enum class By {
        mapping,  ///< in its memory: also through an overlay or a mount namespace that nobody else sees any more
        mount     ///< bound into its mount namespace, as container engines do; named by the first process there
    };
    DeviceHolder process;
    std::string version;  ///< of the driver that the libraries belong to: `550.163.01`
    By by = By::mapping;
    friend bool operator==(const LibraryUser&, const LibraryUser&) = default;
};

/// The version at the end of the name of one of the driver's libraries (`libcuda.so.550.163.01`); empty for any other
/// name: host libraries have versions of other shapes or other names.
[[nodiscard]] std::string library_version(std::string_view file_name);

}  // namespace overdrive
