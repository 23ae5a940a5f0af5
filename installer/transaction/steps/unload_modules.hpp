#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/driver_manifest.hpp"
#include "model/host_facts.hpp"
#include "model/unload_plan.hpp"
#include "ports/clock.hpp"
#include "ports/device_holders.hpp"
#include "ports/device_nodes.hpp"
#include "ports/module_loader.hpp"
#include "support/root.hpp"
#include "transaction/step.hpp"

namespace overdrive {

/// The generation that the loaded driver came from.
struct LoadedDriver {
    DriverManifest manifest;
    std::string generation;  ///< absolute path on the host
};

/// Takes the loaded driver out of the kernel, or refuses while somebody uses it, by name.
///
/// Undo loads it again from its generation, with the firmware path and the device nodes that it had. A module that the
/// generation does not have, and every module of a driver that somebody else loaded, comes back from the host's own
/// modules where they are the same version; where they are not, undo says so.
class UnloadModules final : public Step {
public:
    struct Ports {
        const Root& root;
        ModuleLoader& modules;
        DeviceHolders& holders;
        DeviceNodes& nodes;
        Clock& clock;
        std::function<HostFacts()> read_facts;
    };

    /// @param old      nullopt when the loaded driver came from none of the installed generations
    /// @param stopping units that are stopped before this step applies: what only they hold is no reason to refuse
    UnloadModules(Ports ports, std::optional<LoadedDriver> old, std::vector<std::string> stopping);

    [[nodiscard]] std::string_view id() const override { return "unload-modules"; }
    [[nodiscard]] std::string_view name() const override { return "unload the loaded driver"; }
    /// @throws Error module_busy naming the processes, modules and references that hold the driver
    void prepare() override;
    /// @throws Error module_busy when it is in use now; module_load
    bool apply() override;
    /// Loads what is not loaded. @throws Error module_load naming what is not as it was
    void undo() override;

private:
    /// Its holders but for the units that are being stopped.
    [[nodiscard]] std::vector<DeviceHolder> other_holders(bool& only_daemons) const;
    [[nodiscard]] Error busy(const UnloadPlan& plan, const std::vector<DeviceHolder>& holders) const;
    [[nodiscard]] UnloadPlan wait_until_free();
    void load_back(const std::string& module) const;
    void restore_firmware_path() const;

    Ports ports_;
    std::optional<LoadedDriver> old_;
    std::vector<std::string> stopping_;
    HostFacts before_;
    std::vector<std::string> order_;  ///< empty until the first module goes
};

}  // namespace overdrive
