#pragma once

#include <string>
#include <vector>

#include "model/driver_manifest.hpp"
#include "model/host_facts.hpp"
#include "ports/module_loader.hpp"
#include "support/root.hpp"
#include "transaction/step.hpp"

namespace overdrive {

/// How the journal calls LoadModules: a boot that ended in it may have been ended by it.
constexpr std::string_view kLoadModulesId = "load-modules";

/// Loads the driver's modules in their order, after their in-tree prerequisites, with the kernel looking for firmware
/// in the generation.
class LoadModules final : public Step {
public:
    /// @param generation absolute path of the generation on the host
    LoadModules(const Root& root, ModuleLoader& loader, const HostFacts& facts, const DriverManifest& manifest,
                std::string generation);

    [[nodiscard]] std::string_view id() const override { return kLoadModulesId; }
    [[nodiscard]] std::string_view name() const override { return "load the driver's modules"; }
    [[nodiscard]] Journal::Line journalled() const override { return Journal::Line::lasting; }
    /// Refuses a module whose vermagic is not for the running kernel, and a firmware path that somebody else set.
    void prepare() override;
    bool apply() override;
    void undo() override;

private:
    void point_firmware();
    void load(const ModuleSpec& module);

    const Root& root_;
    ModuleLoader& loader_;
    const HostFacts& facts_;
    const DriverManifest& manifest_;
    std::string generation_;
    std::vector<std::string> loaded_;
    bool firmware_changed_ = false;
};

/// Where the kernel looks for firmware first. @see Documentation/driver-api/firmware/fw_search_path.rst
constexpr std::string_view kFirmwarePathParameter = "sys/module/firmware_class/parameters/path";

/// Whether a firmware path is one of ours (below the install root) or unset.
[[nodiscard]] bool is_ours_or_unset(std::string_view firmware_path) noexcept;

/// Writes the kernel's firmware path; an empty one resets it. @throws Error module_load
void set_firmware_path(const Root& root, std::string_view path);

}  // namespace overdrive
