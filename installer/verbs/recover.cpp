#include "verbs/recover.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "verbs/activation.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/recovery.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

/// Puts in force what is selected, when a driver is to be in force here at all.
std::optional<Activation> finish_activation(Services& services, Store& store, const Recovery& recovery,
                                            Report& report) {
    if (services.program.in_container) return std::nullopt;
    const Config config = load_config(services.root, {}, Strictness::boot);
    std::vector<std::string> warnings;
    LocalState local = read_local_state(services, store, config, warnings);
    for (const std::string& warning : warnings) report.warn(warning);
    if (!local.selection.pair) return std::nullopt;
    return activate_selected(services, store, config, std::move(local),
                             {.verb = "recover", .daemons_were_stopped = recovery.daemons_were_stopped()}, report);
}

ordered_json cut_off_json(const Recovery& recovery) {
    if (!recovery.journal) return nullptr;
    const JournalHeader& header = recovery.journal->header;
    return {{"verb", header.verb},
            {"generation", header.to ? ordered_json(header.to->path()) : ordered_json(nullptr)},
            {"steps", recovery.journal->steps},
            {"boot_id", header.boot_id},
            {"at", header.at.count()}};
}

}  // namespace

ExitCode run_recover(Services& services, Report& report) {
    require_root(services, "recover");
    Store store{services.root};
    const Lock lock = take_lock(services, store, "recover");
    const Recovery recovery = recover_store(services, store, services.read_facts(), report);
    const auto activation = finish_activation(services, store, recovery, report);
    if (activation) throw_if_returned(*activation);
    const bool changed = activation && !activation->changed.empty();
    const bool idle = !recovery.journal && recovery.done.empty() && !changed;
    report.result({{"schema", 1},
                   {"result", idle ? "nothing-to-do" : "recovered"},
                   {"cut_off", cut_off_json(recovery)},
                   {"done", recovery.done},
                   {"changed", activation ? ordered_json(activation->changed) : ordered_json::array()},
                   {"state", activation ? ordered_json(to_string(activation->state.word)) : ordered_json(nullptr)}},
                  idle ? std::string{"nothing was cut off, nothing to do\n"}
                       : fmt::format("recovered{}\n", activation ? ": " + activation->state.text() : std::string{}));
    return activation && activation->result == Activation::Result::at_reboot ? ExitCode::at_reboot : ExitCode::ok;
}

}  // namespace overdrive
