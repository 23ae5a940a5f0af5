#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ports/module_loader.hpp"
#include "support/root.hpp"

namespace overdrive {

/// SIMULATION of the kernel's modules, where the machine's kernel has none or must not be touched.
///
/// Its state lies in files below the host root, written so that the real readers of /proc and /sys see it:
/// `simulated/now` is a link to a directory with `modules` (/proc/modules), `module/` (/sys/module), `driver/`
/// (/proc/driver) and `devices` (/proc/devices); the host tree's /proc and /sys link to these. Every change is a new
/// directory and one rename of `now`: like the kernel's it happens at one instant, and it lasts when its caller dies.
///
/// As in the kernel a module needs those it depends on, and one in use is not unloaded. Each call first makes the
/// system call that it stands for, on a descriptor or name that cannot be: a tracer sees it, can end the process there,
/// and an error that it injects is the kernel's answer. The rest is done by a thread of its own, as the kernel's work
/// it is.
///
/// `simulated/fail-load`, when there, has lines `<module> <driver version> refuse|other-version`; `simulated/in-use`
/// names modules that somebody holds.
///
/// A module file of this kernel is text: lines `name=`, `version=`, `vermagic=`, `depends=a,b`, anything after them.
class SimulatedKernel final : public ModuleLoader {
public:
    explicit SimulatedKernel(const Root& root);

    Outcome load_prerequisite(const std::string& name) override;
    Outcome load(const std::string& path, const std::map<std::string, std::string>& parameters) override;
    bool unload(const std::string& name) override;
    [[nodiscard]] ModuleDescription describe(const std::string& path) override;
    [[nodiscard]] std::string vermagic(const std::string& path) override;

    /// What the kernel does with a write to a parameter of text, and a file does not: it is replaced as a whole.
    void settle_firmware_path() const;

    struct Module {
        std::string name;  ///< the kernel's spelling
        std::string version;
        std::vector<std::string> depends;
    };

private:
    [[nodiscard]] std::vector<Module> loaded() const;
    void become(const std::vector<Module>& modules) const;
    [[nodiscard]] std::string knob(const std::string& module, const std::string& version) const;

    const Root& root_;
    std::string directory_;  ///< `simulated`, as this process names it
};

/// Does `body` in a thread of its own, where a tracer of this thread does not follow. What it throws is thrown here.
void as_somebody_else(const std::function<void()>& body);

}  // namespace overdrive
