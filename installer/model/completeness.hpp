#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/driver_manifest.hpp"

namespace overdrive {

/// What a module's file says about itself (modinfo).
struct ModuleDescription {
    std::string vermagic;
    std::string version;
    std::vector<std::string> firmware;  ///< files that it may ask for, relative to lib/firmware
};

/// Sees that an artifact can make a whole driver for its kernel, by its driver.json alone: the module nvidia is there,
/// every module and firmware file that is named comes with it, nothing below lib/modules is for another kernel, and no
/// library is of another driver version.
/// @throws Error incomplete_artifact naming the file
void require_complete(const DriverManifest& manifest);

/// Sees that the module's file is what driver.json says of it: built for this kernel, of this version, and every
/// firmware file that it names comes with the artifact.
/// @throws Error incomplete_artifact naming the file
void require_as_described(const DriverManifest& manifest, const ModuleSpec& module,
                          const ModuleDescription& description);

/// The driver version at the end of a library's file name: `libcuda.so.535.309.01` -> `535.309.01`. Empty when it ends
/// in something else: libraries that are not the driver's own have versions of their own, with a smaller first number.
[[nodiscard]] std::string_view driver_version_of_library(std::string_view file_name) noexcept;

}  // namespace overdrive
