#include "verbs/repair.hpp"

#include <fmt/format.h>

#include "transaction/steps/nvidia_smi.hpp"
#include "verbs/activation_plan.hpp"
#include "verbs/activator.hpp"
#include "verbs/cdi_keeper.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/runtime_files.hpp"
#include "verbs/told_state.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

ExitCode tell(std::string_view result, const std::optional<Pair>& pair, const std::vector<std::string>& changed,
              std::string_view text, Report& report) {
    report.result({{"schema", 1},
                   {"result", result},
                   {"generation", pair ? ordered_json(pair->path()) : ordered_json(nullptr)},
                   {"changed", changed}},
                  fmt::format("{}\n", text));
    return ExitCode::ok;
}

/// Whether an activation of this boot put a driver in force and nobody took it out since.
bool is_to_be_kept_in_force(const Services& services, const LocalState& local) {
    const auto told = read_told_state(services.root, kStatusFile);
    return told && told->boot_id == local.facts.boot_id && told->because != to_string(DegradedBecause::not_active) &&
           !services.root.exists(kDetachedFile) && local.current && !local.facts.gpus.empty();
}

/// The state as it is, with what is in force selected and not what would be wanted.
LocalState look(const Services& services, const Store& store, const Config& config, Report& report) {
    std::vector<std::string> warnings;
    LocalState local = read_local_state(services, store, config, warnings);
    if (is_to_be_kept_in_force(services, local)) select(local, store, *local.current);
    for (const std::string& warning : warnings) report.warn(warning);
    return local;
}

/// What the activation at boot left for later.
void ask_smi_if_due(Services& services, const Store& store, const LocalState& local, Report& report) {
    if (!services.root.remove(kSmiDueFile)) return;
    const auto complaint =
        ask_nvidia_smi(services.processes, *local.manifest, store.generation_path(local.manifest->pair()));
    if (complaint) report.warn(*complaint);
}

bool another_is_loaded(const LocalState& local) {
    return local.facts.driver_version && *local.facts.driver_version != local.manifest->driver_version;
}

}  // namespace

ExitCode run_repair(Services& services, Report& report) {
    require_root(services, "activate");
    require_host_kernel(services, "activate");
    const Config config = load_config(services.root, {}, Strictness::boot);
    Store store{services.root};
    LocalState local = look(services, store, config, report);
    if (!is_to_be_kept_in_force(services, local))
        return tell("nothing-in-force", std::nullopt, {}, "no driver is in force, nothing to repair", report);
    const Pair pair = *local.current;
    if (is_in_force(services, store, config, local, *local.manifest) && cdi_is_right(services, store, config, local)) {
        ask_smi_if_due(services, store, local, report);
        return tell("nothing-to-do", pair, {}, fmt::format("{} is whole, nothing to repair", pair.path()), report);
    }
    if (another_is_loaded(local)) {
        return tell(
            "left-alone", pair, {},
            fmt::format("driver {} is loaded and {} is current: 'overdrive activate' or a reboot makes them one",
                        *local.facts.driver_version, pair.path()),
            report);
    }
    services.program.lock_patience =
        std::min<std::chrono::milliseconds>(services.program.lock_patience, kRepairPatience);
    const Lock lock = take_lock_if_writable(services, store, "repair");
    local = look(services, store, config, report);  // another run may have done it meanwhile
    if (!is_to_be_kept_in_force(services, local) || another_is_loaded(local))
        return tell("left-alone", local.current, {}, "another run took it out of force meanwhile", report);
    const Activation done =
        activate_once(services, store, config, local, {.verb = "repair", .inside_unit = true}, report);
    ask_smi_if_due(services, store, local, report);
    return tell(done.changed.empty() ? "nothing-to-do" : "repaired", done.pair, done.changed,
                fmt::format("{} is whole again: {}", pair.path(), done.state.text()), report);
}

}  // namespace overdrive
