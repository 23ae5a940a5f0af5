#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/driver_manifest.hpp"
#include "model/module_facts.hpp"
#include "support/root.hpp"

namespace overdrive {

/// The certificate of the key that signed the modules, where an artifact brings it along: DER, beside the modules.
inline constexpr std::string_view kSignerCertificate = "signing_key.x509";

/// What the files of the modules of `manifest` that are loaded by themselves say; a few pages of each are read, never
/// its code. A file that cannot be read is left out.
/// @param generation absolute path of the generation on the host
[[nodiscard]] std::vector<ModuleFacts> read_module_facts(const Root& root, const DriverManifest& manifest,
                                                         const std::string& generation);

/// The certificate beside the modules; nullopt when there is none.
[[nodiscard]] std::optional<SignerKey> read_signer_certificate(const Root& root, const DriverManifest& manifest,
                                                               const std::string& generation);

/// The symbol versions beside the modules; nullopt when there are none, or they cannot be read.
[[nodiscard]] std::optional<SymbolVersions> read_shipped_symbols(const Root& root, const DriverManifest& manifest,
                                                                 const std::string& generation);

/// Where libkmod, which knows no root, finds a host's file: links on the way (`/opt -> /var/opt`) are resolved inside
/// the root. @throws Error incomplete_artifact when it is not there
[[nodiscard]] std::string real_module_path(const Root& root, const std::string& path);

}  // namespace overdrive
