#include "verbs/activation_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "transaction/steps/load_modules.hpp"
#include "verbs/kept_cdi.hpp"

namespace overdrive {

ExposurePlan exposure_plan(Services& services, const Store& store, const HostFacts& facts, const Config& config,
                           const DriverManifest& manifest) {
    const OsProfile& profile = profile_for(facts.os_release.id());
    const bool overlay = choose_mode(profile, facts, config.exposure) == ExposureMode::overlay;
    return plan_exposure(profile, facts, manifest, store.generation_path(manifest.pair()), config.exposure,
                         overlay ? services.exposure.base_names("/usr/lib64") : std::vector<std::string>{});
}

std::optional<ExposurePlan> previous_exposure_plan(Services& services, const Store& store, const LocalState& local,
                                                   const Config& config) {
    if (!local.current || local.current == local.selection.pair) return std::nullopt;
    try {
        const DriverManifest manifest = store.read_manifest(*local.current);
        ExposurePlan plan = exposure_plan(services, store, local.facts, config, manifest);
        if (services.exposure.inspect(plan) == Exposure::State::absent) return std::nullopt;
        return plan;
    } catch (const Error&) {
        return std::nullopt;  // the old generation is gone: there is nothing that could be put back
    }
}

bool modules_are_in_force(const Store& store, const LocalState& local, const DriverManifest& manifest) {
    const std::string firmware = store.generation_path(manifest.pair()) + "/lib/firmware";
    const bool firmware_set = manifest.firmware.empty() || !is_ours_or_unset(local.facts.firmware_path) ||
                              local.facts.firmware_path == firmware;
    const bool optional_loaded = std::all_of(
        manifest.modules.begin(), manifest.modules.end(),
        [&](const ModuleSpec& module) { return !module.autoload || local.facts.loaded(module.name) != nullptr; });
    return firmware_set && optional_loaded;
}

bool is_in_force(Services& services, const Store& store, const Config& config, const LocalState& local,
                 const DriverManifest& manifest) {
    return modules_are_in_force(store, local, manifest) && observe(services, store, local, config).usable();
}

std::vector<std::string> describe_activation(Services& services, const Store& store, const LocalState& local,
                                             const Config& config, const DriverManifest& manifest) {
    std::vector<std::string> steps;
    if (local.current != manifest.pair()) steps.push_back(fmt::format("point 'current' at {}", manifest.pair().path()));
    if (local.facts.gpus.empty()) return steps;
    const bool swaps = local.facts.driver_version && *local.facts.driver_version != manifest.driver_version;
    if (swaps) steps.push_back(fmt::format("unload driver {}", *local.facts.driver_version));
    for (const ModuleSpec& module : manifest.modules) {
        if (module.autoload && (swaps || local.facts.loaded(module.name) == nullptr))
            steps.push_back(fmt::format("load {}", module.path));
    }
    const ExposurePlan plan = exposure_plan(services, store, local.facts, config, manifest);
    if (services.exposure.inspect(plan) != Exposure::State::healthy) {
        steps.push_back(
            plan.mode == ExposureMode::overlay
                ? fmt::format("lay {} libraries over {} (read-only overlay)", plan.libraries.size(), plan.target)
                : fmt::format("name {} to the linker", plan.library_directory));
        steps.push_back(fmt::format("link {} programs into {}", plan.programs.size(), plan.program_directory));
    }
    for (const std::string& node : services.nodes.missing(manifest.device_nodes))
        steps.push_back(fmt::format("make {}", node));
    const CdiState cdi = look_at_cdi(services, store, config, local, manifest.pair());
    if (cdi.word == CdiState::Word::none || cdi.word == CdiState::Word::stale)
        steps.push_back(fmt::format("tell container engines of the driver: {}", cdi.path));
    return steps;
}

}  // namespace overdrive
