#include "verbs/deactivate.hpp"
#include "verbs/tell_state.hpp"

#include <fmt/format.h>

#include "support/interruption.hpp"
#include "transaction/steps/load_modules.hpp"
#include "transaction/steps/stop_daemons.hpp"
#include "transaction/steps/write_cdi.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/kept_cdi.hpp"
#include "verbs/loaded_driver.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/runtime_files.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

/// Takes a step back and tells of `failure`, which is why.
[[noreturn]] void take_back(Step& step, const Error& failure) {
    try {
        step.undo();
    } catch (const Error& error) {
        throw Error{Errc::not_restored, fmt::format("{}; and it could not be undone: {}", failure.what(), error.what())}
            .with_remedy("'overdrive activate' puts the driver in force again, or reboot the node");
    }
    throw Error{failure};
}

LocalState look(Services& services, const Store& store) {
    std::vector<std::string> warnings;
    return read_local_state(services, store, {}, warnings);
}

ExitCode detach(Services& services, Report& report) {
    Store store{services.root};
    const Lock lock = take_lock(services, store, "deactivate");
    services.exposure.detach();
    services.root.make_directories(kRunDirectory);
    services.root.write_file(kDetachedFile, "");  // from now on nobody repairs it; no state is told at each shutdown
    report.result({{"schema", 1}, {"result", "detached"}},
                  "the driver's libraries do not lie over the host's any more; modules stay loaded\n");
    return ExitCode::ok;
}

/// The nodes that a generation names; none when its driver.json cannot be read, which must not keep it in force.
std::vector<DeviceNodeSpec> nodes_of(const Store& store, const Pair& pair, Report& report) {
    try {
        return store.read_manifest(pair).device_nodes;
    } catch (const Error& error) {
        report.warn(error.what());
        return {};
    }
}

/// Modules, firmware path, nodes and libraries; with the lock held. @return what was current
std::optional<Pair> take_out_of_force(Services& services, const std::vector<std::string>& stopped, Report& report) {
    Store store{services.root};
    const Lock lock = take_lock(services, store, "deactivate");
    LocalState local = look(services, store);
    const Config config = load_config(services.root, {}, Strictness::boot);
    if (local.current) {
        std::optional<WithdrawCdi> withdraw;
        if (!is_foreign_cdi(services.root, kept_cdi_path(config)))
            withdraw.emplace(services.root, kept_cdi_path(config));
        UnloadModules unload{unload_ports(services), find_loaded_driver(store, local), stopped};
        unload.prepare();
        if (withdraw) withdraw->prepare();
        try {
            if (withdraw) withdraw->apply();
            unload.apply();
        } catch (const Error& failure) {
            if (withdraw) withdraw->undo();
            take_back(unload, failure);
        }
        if (is_ours_or_unset(local.facts.firmware_path) && !local.facts.firmware_path.empty())
            set_firmware_path(services.root, "");
        services.nodes.remove(nodes_of(store, *local.current, report));
    }
    services.exposure.remove();
    remove_kept_cdi(services.root, config, local.record.value_or(Record{}));
    local.facts = services.read_facts();
    const DriverState state{local.facts.gpus.empty() ? StateWord::no_device : StateWord::degraded,
                            DegradedBecause::not_active, "deactivated by the operator"};
    write_runtime_state(services, config, local, state, std::nullopt);
    return local.current;
}

}  // namespace

std::optional<Pair> deactivate_driver(Services& services, Report& report) {
    std::vector<std::string> running{kDriverDaemons.begin(), kDriverDaemons.end()};
    running.emplace_back("nvidia.service");
    running = running_units(services.units, std::move(running));
    {
        // Before anything is stopped: stopping nvidia.service already takes the libraries away.
        const Store store{services.root};
        const LocalState local = look(services, store);
        if (local.current) UnloadModules{unload_ports(services), find_loaded_driver(store, local), running}.prepare();
    }
    // Stopping nvidia.service runs 'deactivate --boot', and starting it 'activate --boot'; both need the lock.
    StopDaemons stop{services.units, services.clock, running, Jobs::wait};
    try {
        stop.apply();
        return take_out_of_force(services, running, report);
    } catch (const Error& failure) {
        const Uninterruptible until_undone;
        take_back(stop, failure);
    }
}

ExitCode run_deactivate(const DeactivateOptions& options, Services& services, Report& report) {
    require_root(services, "deactivate");
    require_host_kernel(services, "deactivate");
    if (options.boot) return detach(services, report);
    const std::optional<Pair> current = deactivate_driver(services, report);
    report.result({{"schema", 1},
                   {"result", "deactivated"},
                   {"generation", current ? ordered_json(current->path()) : ordered_json(nullptr)}},
                  "the driver is out of force; its generations stay installed\n");
    return ExitCode::ok;
}

}  // namespace overdrive
