#pragma once

#include <libkmod.h>

#include <memory>
#include <string>
#include <vector>

#include "model/module_facts.hpp"
#include "support/release_with.hpp"

namespace overdrive {

using KmodContext = std::unique_ptr<kmod_ctx, ReleaseWith<kmod_unref>>;
using KmodModule = std::unique_ptr<kmod_module, ReleaseWith<kmod_module_unref>>;

/// A context on a directory of modules (`/lib/modules/<kernel release>`) with the configuration of `config_paths`,
/// ended by a null pointer. Silent: what fails is told by error codes.
/// @throws Error module_load
[[nodiscard]] KmodContext make_kmod_context(const std::string& directory, const char* const* config_paths);

/// What a module file says about itself.
struct ModuleInfo {
    std::string name;  ///< with underscores, as the kernel writes it
    std::string vermagic;
    std::string version;
    std::string srcversion;
    std::vector<std::string> firmware;
    std::vector<ModuleParameter> parameters;  ///< sorted by name
    std::string signer;                       ///< common name of the issuer of the signer's certificate
    std::string signer_serial;                ///< of that certificate, lower-case hex
    [[nodiscard]] std::vector<std::string> parameter_names() const;
};

/// A module file, without any index. The module holds its context.
/// @throws Error incomplete_artifact when it is missing or no module
[[nodiscard]] KmodModule open_module_file(const std::string& path);
/// @throws Error incomplete_artifact when `module`'s file has no modinfo section
[[nodiscard]] ModuleInfo read_module_info(const kmod_module* module);

/// What the module was built against; empty when it has no such section. @throws Error incomplete_artifact
[[nodiscard]] SymbolVersions read_symbol_versions(const kmod_module* module);

}  // namespace overdrive
