#include "model/daemon_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

namespace overdrive {

namespace {

/// GPUs of racks whose NVSwitches are managed by the switch trays, so that no fabric manager runs beside them: GB200,
/// GB300. @see pci.ids
constexpr auto kManagedElsewhere = std::to_array<unsigned>({0x2941, 0x31c2, 0x31c3});

const KnownDaemon& known(std::string_view name) {
    const auto* const found =
        std::find_if(kKnownDaemons.begin(), kKnownDaemons.end(), [&](const auto& each) { return each.name == name; });
    if (found == kKnownDaemons.end()) throw std::logic_error{"unknown daemon"};
    return *found;
}

bool is_managed_elsewhere(const GpuFunction& gpu) {
    return std::find(kManagedElsewhere.begin(), kManagedElsewhere.end(), gpu.device_id) != kManagedElsewhere.end();
}

class Planner {
public:
    Planner(const DriverManifest& manifest, const FabricFacts& fabric) : manifest_{manifest}, fabric_{fabric} {}

    DaemonPlan plan(const std::vector<GpuFunction>& gpus) {
        if (gpus.empty()) return {};
        if (brings("nvidia-persistenced")) add("nvidia-persistenced", {});
        const bool elsewhere = std::any_of(gpus.begin(), gpus.end(), is_managed_elsewhere);
        if (!elsewhere && !fabric_.switches.empty()) {
            add_wanted("nvidia-fabricmanager", fmt::format("{} NVSwitches", fabric_.switches.size()),
                       "without one CUDA fails with error 802", {{"FABRIC_ARGUMENTS", ""}});
        } else if (!elsewhere && !fabric_.switch_managers.empty()) {
            plan_nvlink5();
        }
        if (fabric_.imex_nodes) {
            add_wanted("nvidia-imex", "nodes in /etc/nvidia-imex/nodes_config.cfg",
                       "without it no memory is shared between nodes", {});
        }
        return std::move(plan_);
    }

private:
    [[nodiscard]] const DaemonSpec* brings(std::string_view name) const {
        const auto found = std::find_if(manifest_.daemons.begin(), manifest_.daemons.end(),
                                        [&](const DaemonSpec& spec) { return spec.name == name; });
        return found == manifest_.daemons.end() ? nullptr : &*found;
    }

    void add(std::string_view name, std::map<std::string, std::string> environment) {
        plan_.daemons.push_back({std::string{name}, std::string{known(name).unit}, std::move(environment)});
    }

    /// @param asks what of the host asks for it  @param without what happens without it  @return whether it is planned
    bool add_wanted(std::string_view name, std::string_view asks, std::string_view without,
                    std::map<std::string, std::string> environment) {
        const DaemonSpec* const spec = brings(name);
        if (spec == nullptr) {
            plan_.problems.push_back(fmt::format("this host has {}, and driver {} brings no {}: {}", asks,
                                                 manifest_.driver.text(), name, without));
            return false;
        }
        if (known(name).versioned_with_driver && spec->version != manifest_.driver_version) {
            plan_.problems.push_back(
                fmt::format("{} {} works with driver {} only, and this is driver {}: it is not "
                            "started, and {}",
                            name, spec->version, spec->version, manifest_.driver_version, without));
            return false;
        }
        if (spec->program != known(name).program) {
            plan_.problems.push_back(
                fmt::format("driver.json has {} as '{}', and its unit runs '{}': it is not started", name,
                            spec->program, known(name).program));
            return false;
        }
        add(name, std::move(environment));
        return true;
    }

    /// NVLSM trains the links, and the fabric manager talks to it: both by the port that manages the switches.
    void plan_nvlink5() {
        const std::string managed = fmt::format("NVSwitches behind {}", fabric_.switch_managers.front().address);
        if (!fabric_.missing_modules.empty()) {
            plan_.problems.push_back(
                fmt::format("this host has {}, and the kernel modules {} that reach them are not "
                            "loaded: name them in /etc/modules-load.d",
                            managed, fmt::join(fabric_.missing_modules, ", ")));
            return;
        }
        const auto usable =
            std::find_if(fabric_.switch_managers.begin(), fabric_.switch_managers.end(),
                         [](const SwitchManager& manager) { return manager.port && manager.may_manage; });
        if (usable == fabric_.switch_managers.end()) {
            plan_.problems.push_back(
                fmt::format("this host has {}, and no port of theirs lets a subnet manager run", managed));
            return;
        }
        const std::string without = "without both CUDA fails with error 802";
        if (!add_wanted("nvlsm", managed, without, {{"FABRIC_PORT", *usable->port}})) return;
        if (!add_wanted("nvidia-fabricmanager", managed, without, {{"FABRIC_ARGUMENTS", "-g " + *usable->port}}))
            plan_.daemons.pop_back();  // NVLSM is of no use alone
    }

    const DriverManifest& manifest_;
    const FabricFacts& fabric_;
    DaemonPlan plan_;
};

}  // namespace

std::vector<std::string> DaemonPlan::units() const {
    std::vector<std::string> units;
    for (const PlannedDaemon& daemon : daemons) units.push_back(daemon.unit);
    return units;
}

DaemonPlan plan_daemons(const DriverManifest& manifest, const std::vector<GpuFunction>& gpus,
                        const FabricFacts& fabric) {
    return Planner{manifest, fabric}.plan(gpus);
}

const KnownDaemon* daemon_of(std::string_view unit) noexcept {
    const auto* const found =
        std::find_if(kKnownDaemons.begin(), kKnownDaemons.end(), [&](const auto& each) { return each.unit == unit; });
    return found == kKnownDaemons.end() ? nullptr : found;
}

}  // namespace overdrive
