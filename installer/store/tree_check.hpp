#pragma once

#include "model/driver_manifest.hpp"
#include "ports/module_loader.hpp"
#include "support/root.hpp"

namespace overdrive {

/// The two files that driver.json does not list: itself and its signature.
inline constexpr const char* kDriverJson = "driver.json";
inline constexpr const char* kDriverJsonSignature = "driver.json.sig";

/// Sees that `directory` holds every file and link of `manifest` with the right type, size, mode and target, and
/// nothing else. Content is not read.
/// @throws Error incomplete_artifact, or digest_mismatch for a wrong size or target, naming the file
void check_tree(const Root& root, const std::string& directory, const DriverManifest& manifest);

/// Sees that the modules in `directory` are what driver.json says of them: for this kernel, of this version, with their
/// firmware. Reads what the files say about themselves.
/// @throws Error incomplete_artifact naming the file
void check_module_files(ModuleLoader& modules, const std::string& directory, const DriverManifest& manifest);

}  // namespace overdrive
