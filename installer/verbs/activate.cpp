#include "verbs/activate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "transaction/steps/load_modules.hpp"
#include "verbs/activation.hpp"
#include "verbs/preconditions.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

ordered_json activation_json(std::string_view result, const LocalState& local, const Activation& activation) {
    return {{"schema", 1},
            {"result", result},
            {"generation", local.selection.pair ? ordered_json(local.selection.pair->path()) : ordered_json(nullptr)},
            {"changed", activation.changed},
            {"state", to_string(activation.state.word)},
            {"because", to_string(activation.state.because)},
            {"why", activation.state.why}};
}

/// Nothing that is installed fits: a degraded node, which at boot is an answer and otherwise a failure.
ExitCode nothing_fits(const ActivateOptions& options, Services& services, const Store& store, const LocalState& local,
                      const Config& config, Report& report) {
    const DriverState state = observe(services, store, local, config, nullptr);
    if (!options.dry_run) write_runtime_state(services, local, state, std::nullopt);
    const bool no_device = state.word == StateWord::no_device;
    if (!no_device && !options.boot) {
        throw Error{Errc::no_artifact, explain(local.selection, local.facts.kernel_release)}.with_remedy(
            "'overdrive install' fetches the driver for this kernel, 'overdrive list' shows what is installed");
    }
    report.result(activation_json(to_string(state.word), local, {.changed = {}, .state = state}), state.text() + "\n");
    return ExitCode::ok;
}

ExitCode tell(const LocalState& local, const Activation& activation, Report& report) {
    const std::string path = local.selection.pair->path();
    switch (activation.result) {
        case Activation::Result::nothing_to_do:
            report.result(activation_json("nothing-to-do", local, activation),
                          fmt::format("{} is active already, nothing to do\n", path));
            return ExitCode::ok;
        case Activation::Result::changed:
            report.result(activation_json("changed", local, activation),
                          fmt::format("{} is active: {}\n", path, activation.state.text()));
            return ExitCode::ok;
        case Activation::Result::no_device:
            report.result(activation_json("no-device", local, activation),
                          fmt::format("{} is current; there is no GPU, so nothing is loaded\n", path));
            return ExitCode::ok;
        case Activation::Result::at_reboot:
            report.result(activation_json("at-reboot", local, activation),
                          fmt::format("{} takes over at the next boot\n", path));
            return ExitCode::at_reboot;
    }
    return ExitCode::failed;
}

void stop_units(Services& services) {
    if (!services.units.reachable()) return;
    for (const char* unit : {"nvidia-persistenced.service", "nvidia.service"}) {
        if (services.units.active_state(unit) == "active") services.units.stop(unit, std::chrono::seconds{60});
    }
}

/// Looks before the first module goes: a refusal half-way would leave the driver in pieces.
void refuse_if_in_use(const HostFacts& facts, const DriverManifest& manifest) {
    for (const ModuleSpec& module : manifest.modules) {
        const LoadedModule* loaded = facts.loaded(module.name);
        if (loaded != nullptr && loaded->refcount > loaded->users.size()) {
            throw Error{Errc::module_busy, fmt::format("module {} is in use by {} open handles", module.name,
                                                       loaded->refcount - loaded->users.size())}
                .with_remedy("stop the pods and programs that use the GPU, then try again");
        }
    }
}

}  // namespace

ExitCode run_activate(const ActivateOptions& options, Services& services, Report& report) {
    if (!options.dry_run) require_root(services, "activate");
    require_host_kernel(services, "activate");
    const Config config =
        load_config(services.root, options.overrides, options.boot ? Strictness::boot : Strictness::interactive);
    for (const std::string& warning : config.warnings) report.warn(warning);
    Store store{services.root};
    std::optional<Lock> lock;
    if (!options.dry_run) lock.emplace(take_lock(services, store, "activate"));
    std::vector<std::string> warnings;
    const LocalState local = read_local_state(services, store, config, warnings);
    for (const std::string& warning : warnings) report.warn(warning);
    if (!local.selection.pair) return nothing_fits(options, services, store, local, config, report);
    report.note(explain(local.selection, local.facts.kernel_release));
    if (options.dry_run) {
        const auto steps =
            describe_activation(services, store, local, config, store.read_manifest(*local.selection.pair));
        report.result(
            {{"schema", 1}, {"result", "dry-run"}, {"generation", local.selection.pair->path()}, {"steps", steps}},
            steps.empty() ? std::string{"nothing to do\n"} : fmt::format("{}\n", fmt::join(steps, "\n")));
        return ExitCode::ok;
    }
    try {
        const ExitCode code = tell(local, activate_selected(services, store, config, local, report), report);
        // At boot "takes over at the next boot" is no failure of the unit.
        return options.boot && code == ExitCode::at_reboot ? ExitCode::ok : code;
    } catch (const Error& error) {
        if (!options.boot || error.code() == Errc::not_restored) throw;
        // A failed GPU is a degraded node; neither fails the boot. The reason is in status.json and here.
        report.warn(fmt::format("degraded: {}", error.what()));
        return ExitCode::ok;
    }
}

ExitCode run_deactivate(const DeactivateOptions& options, Services& services, Report& report) {
    require_root(services, "deactivate");
    require_host_kernel(services, "deactivate");
    // Stopping nvidia.service runs 'deactivate --boot', which needs the lock: stop before taking it.
    if (!options.boot) stop_units(services);
    Store store{services.root};
    const Lock lock = take_lock(services, store, "deactivate");
    if (options.boot) {
        services.exposure.remove();
        report.result({{"schema", 1}, {"result", "detached"}},
                      "the driver's libraries are detached; modules stay loaded\n");
        return ExitCode::ok;
    }
    std::vector<std::string> warnings;
    LocalState local = read_local_state(services, store, {}, warnings);
    const auto current = local.current;
    if (current) {
        const DriverManifest manifest = store.read_manifest(*current);
        refuse_if_in_use(local.facts, manifest);
        for (auto module = manifest.modules.rbegin(); module != manifest.modules.rend(); ++module)
            services.modules.unload(module->name);
        if (is_ours_or_unset(local.facts.firmware_path) && !local.facts.firmware_path.empty())
            set_firmware_path(services.root, "");
        services.nodes.remove(manifest.device_nodes);
    }
    services.exposure.remove();
    local.facts = services.read_facts();
    const DriverState state{local.facts.gpus.empty() ? StateWord::no_device : StateWord::degraded,
                            DegradedBecause::not_active, "deactivated by the operator"};
    write_runtime_state(services, local, state, std::nullopt);
    report.result({{"schema", 1},
                   {"result", "deactivated"},
                   {"generation", current ? ordered_json(current->path()) : ordered_json(nullptr)}},
                  "the driver is out of force; its generations stay installed\n");
    return ExitCode::ok;
}

}  // namespace overdrive
