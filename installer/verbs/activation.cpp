#include "verbs/activation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "transaction/steps/expose.hpp"
#include "transaction/steps/load_modules.hpp"
#include "transaction/steps/make_nodes.hpp"
#include "transaction/steps/point_current.hpp"
#include "transaction/steps/verify_driver.hpp"
#include "transaction/transaction.hpp"

namespace overdrive {

namespace {

ExposurePlan exposure_plan(Services& services, const Store& store, const HostFacts& facts, const Config& config,
                           const DriverManifest& manifest) {
    const OsProfile& profile = profile_for(facts.os_release.id());
    const bool overlay = choose_mode(profile, facts, config.exposure) == ExposureMode::overlay;
    return plan_exposure(profile, facts, manifest, store.generation_path(manifest.pair()), config.exposure,
                         overlay ? services.exposure.base_names("/usr/lib64") : std::vector<std::string>{});
}

/// What undo puts back: the plan of the generation that `current` named before.
std::optional<ExposurePlan> previous_plan(Services& services, const Store& store, const LocalState& local,
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

void note_last_good(Store& store, const LocalState& local) {
    if (store.record_is_newer()) return;  // activating needs no record, so a program that went back still boots
    Record record = local.record.value_or(Record{});
    const Pair& pair = *local.selection.pair;
    const auto found = record.last_good.find(local.facts.kernel_release);
    if (found != record.last_good.end() && found->second == pair) return;
    record.last_good.insert_or_assign(local.facts.kernel_release, pair);
    store.save_record(record);
}

/// Whether everything an activation makes is there already, so that running it again costs a look and no more.
bool in_force(Services& services, const Store& store, const Config& config, const LocalState& local,
              const DriverManifest& manifest) {
    const std::string firmware = store.generation_path(manifest.pair()) + "/lib/firmware";
    const bool firmware_set = manifest.firmware.empty() || !is_ours_or_unset(local.facts.firmware_path) ||
                              local.facts.firmware_path == firmware;
    const bool optional_loaded = std::all_of(
        manifest.modules.begin(), manifest.modules.end(),
        [&](const ModuleSpec& module) { return !module.autoload || local.facts.loaded(module.name) != nullptr; });
    return firmware_set && optional_loaded && services.root.exists("/run/overdrive/status.json") &&
           observe(services, store, local, config, &manifest).word == StateWord::ready;
}

}  // namespace

std::vector<std::string> describe_activation(Services& services, const Store& store, const LocalState& local,
                                             const Config& config, const DriverManifest& manifest) {
    std::vector<std::string> steps;
    if (local.current != manifest.pair()) steps.push_back(fmt::format("point 'current' at {}", manifest.pair().path()));
    if (local.facts.gpus.empty()) return steps;
    for (const ModuleSpec& module : manifest.modules) {
        if (module.autoload && local.facts.loaded(module.name) == nullptr)
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
    return steps;
}

Activation activate_selected(Services& services, Store& store, const Config& config, LocalState local, Report& report) {
    const Pair pair = *local.selection.pair;
    const DriverManifest manifest = store.read_manifest(pair);
    const std::string generation = store.generation_path(pair);
    Activation activation;

    if (local.facts.driver_version && *local.facts.driver_version != manifest.driver_version) {
        report.warn(fmt::format("driver {} is loaded; {} takes over at the next boot", *local.facts.driver_version,
                                pair.path()));
        activation.result = Activation::Result::at_reboot;
        activation.state = observe(services, store, local, config, &manifest);
        write_runtime_state(services, local, activation.state, std::nullopt);
        return activation;
    }

    if (in_force(services, store, config, local, manifest)) {
        activation.state = {StateWord::ready, DegradedBecause::nothing, ""};
        return activation;
    }
    std::vector<std::unique_ptr<Step>> steps;
    const bool no_device = local.facts.gpus.empty();
    if (!no_device) {
        steps.push_back(
            std::make_unique<LoadModules>(services.root, services.modules, local.facts, manifest, generation));
    }
    steps.push_back(std::make_unique<PointCurrent>(store, pair));
    if (!no_device) {
        steps.push_back(std::make_unique<Expose>(services.exposure,
                                                 exposure_plan(services, store, local.facts, config, manifest),
                                                 previous_plan(services, store, local, config)));
        steps.push_back(std::make_unique<MakeNodes>(services.nodes, manifest.device_nodes));
        steps.push_back(std::make_unique<VerifyDriver>(services.read_facts, services.nodes, services.processes,
                                                       manifest, generation, config.nvidia_smi));
    }
    const auto note_outcome = [&](const std::optional<std::string>& failure) {
        local.facts = services.read_facts();
        local.current = store.read_current();
        activation.state = observe(services, store, local, config, &manifest);
        if (failure) activation.state = {StateWord::degraded, DegradedBecause::activation_failed, *failure};
        write_runtime_state(services, local, activation.state, failure);
    };
    Outcome outcome;
    try {
        outcome = Transaction{std::move(steps)}.run([&](const Step& step) { report.note(step.name()); });
    } catch (const Error& refused) {
        note_outcome(refused.what());
        throw;
    }
    if (outcome.failure) {
        note_outcome(outcome.failure->what());
        outcome.throw_if_failed();
    }
    services.root.remove("/run/overdrive/status.json");  // a note of an earlier failure must not outlive a success
    note_outcome(std::nullopt);
    note_last_good(store, local);
    activation.changed = outcome.changed;
    activation.result = no_device                 ? Activation::Result::no_device
                        : outcome.changed.empty() ? Activation::Result::nothing_to_do
                                                  : Activation::Result::changed;
    return activation;
}

}  // namespace overdrive
