#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modules/module_file.hpp"
#include "ports/module_loader.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Loads modules with libkmod: prerequisites from the host's own index, without install commands of modprobe.d; ours by
/// path, in an empty context. No force flag is ever passed: a kernel with MODULE_FORCE_LOAD would take a module of
/// another kernel. For the same reason a module of another kernel release is refused before the kernel sees it.
class LibkmodLoader final : public ModuleLoader {
public:
    /// The index is `<root>/lib/modules/<running kernel's release>`.
    explicit LibkmodLoader(const Root& root);
    LibkmodLoader(const Root& root, std::string kernel_release);

    Outcome load_prerequisite(const std::string& name) override;
    Outcome load(const std::string& path, const std::map<std::string, std::string>& parameters) override;
    bool unload(const std::string& name) override;
    [[nodiscard]] ModuleDescription describe(const std::string& path) override;
    [[nodiscard]] std::string vermagic(const std::string& path) override;

private:
    [[nodiscard]] KmodContext host_context() const;
    /// Of the first module in the host's index: what the running kernel wants; its release where there is none.
    [[nodiscard]] std::string host_vermagic() const;
    [[nodiscard]] std::vector<std::string> holders_of(const std::string& name) const;

    const Root& root_;
    std::string kernel_release_;
};

}  // namespace overdrive
