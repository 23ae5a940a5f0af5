#pragma once

#include <map>
#include <string>

#include "model/completeness.hpp"

namespace overdrive {

/// The kernel's modules. Never uses a force flag.
class ModuleLoader {
public:
    ModuleLoader() = default;
    ModuleLoader(const ModuleLoader&) = delete;
    ModuleLoader& operator=(const ModuleLoader&) = delete;
    virtual ~ModuleLoader() = default;

    enum class Outcome { loaded, already_loaded, not_available, no_device };

    /// Loads an in-tree module and what it depends on from the host's own index.
    /// @return not_available when the index does not have it (built in, or not configured), which is no error
    /// @throws Error module_load
    virtual Outcome load_prerequisite(const std::string& name) = 0;

    /// Loads one file. @param path absolute path on the host
    /// @return no_device when the kernel answers ENODEV; the caller decides whether that is a failure
    /// @throws Error module_load with the kernel's reason in words (wrong kernel, unknown symbol, key rejected ...)
    virtual Outcome load(const std::string& path, const std::map<std::string, std::string>& parameters) = 0;

    /// @return false when it is not loaded @throws Error module_busy when it is in use; module_load otherwise
    virtual bool unload(const std::string& name) = 0;

    /// What a module file says about itself; its code is not looked at.
    /// @throws Error incomplete_artifact when it is no module
    [[nodiscard]] virtual ModuleDescription describe(const std::string& path) = 0;

    /// `vermagic` of a module file. @throws Error incomplete_artifact when it has none
    [[nodiscard]] virtual std::string vermagic(const std::string& path) = 0;
};

}  // namespace overdrive
