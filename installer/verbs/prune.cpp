#include "verbs/prune.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/interruption.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/previous_driver.hpp"
#include "verbs/recovery.hpp"
#include "verbs/sizes.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

/// The generations whose libraries a mount shows: the lower directories of overlays.
std::vector<Pair> exposed(const Store& store, const std::vector<GenerationInfo>& generations, const HostFacts& facts) {
    std::vector<Pair> out;
    for (const GenerationInfo& generation : generations) {
        const std::string inside = store.generation_path(generation.pair) + "/";
        const bool shown = std::any_of(facts.mounts.begin(), facts.mounts.end(), [&](const MountEntry& mount) {
            return mount.super_options.find(inside) != std::string::npos;
        });
        if (shown) out.push_back(generation.pair);
    }
    return out;
}

/// Whether a pair is installed for the running kernel.
bool fits(const Pair& pair, const std::vector<GenerationInfo>& generations, const HostFacts& facts) {
    return std::any_of(generations.begin(), generations.end(), [&](const GenerationInfo& generation) {
        return generation.pair == pair && generation.kernel_release == facts.kernel_release;
    });
}

/// Whether the OS release of a staged pair is still pending. Where that cannot be told it may be.
bool may_come(const Services& services, const Staged& staged) {
    if (!services.find_pending_os) return true;
    try {
        const auto pending = services.find_pending_os();
        return pending && (pending->os_key.empty() || pending->os_key == staged.pair.os_key);
    } catch (const Error&) {  // nothing is removed because somebody does not answer
        return true;
    }
}

std::set<std::string> kernels_of(const Root& root) {
    std::set<std::string> out;
    for (const char* directory : {"/usr/lib/modules", "/lib/modules"}) {
        for (const std::string& name : root.list(directory)) out.insert(name);
    }
    return out;
}

Record readable_record(const Store& store) {
    try {
        return store.load_record().value_or(Record{});
    } catch (const Error& error) {
        if (error.code() != Errc::bad_record || store.record_is_newer()) throw;
        throw Error{Errc::bad_record,
                    fmt::format("the record says what must stay, and it is damaged: {}", error.what())}
            .with_remedy("'overdrive install' writes a new one; then prune");
    }
}

ordered_json plan_json(const PrunePlan& plan) {
    ordered_json out = ordered_json::array();
    for (const PruneDecision& decision : plan.decisions) {
        out.push_back({{"generation", decision.pair.path()},
                       {"action", decision.remove ? "remove" : "keep"},
                       {"why", decision.why}});
    }
    return out;
}

ExitCode tell(const PruneOptions& options, const PrunePlan& plan, Report& report) {
    std::string text;
    for (const PruneDecision& decision : plan.decisions) {
        const char* verb = !decision.remove ? "keeps" : options.dry_run ? "would remove" : "removed";
        text += fmt::format("{} {}: {}\n", verb, decision.pair.path(), decision.why);
    }
    const std::size_t removed = plan.pairs(true).size();
    if (removed == 0) {
        text += "nothing to remove\n";
    } else {
        text += fmt::format("{} {} ({} bytes) and {} inodes\n", options.dry_run ? "would free" : "freed",
                            human_bytes(plan.frees.bytes), plan.frees.bytes, plan.frees.inodes);
    }
    report.result({{"schema", 1},
                   {"result", options.dry_run ? "dry-run"
                              : removed == 0  ? "nothing-to-do"
                                              : "removed"},
                   {"generations", plan_json(plan)},
                   {"freed_bytes", plan.frees.bytes},
                   {"freed_inodes", plan.frees.inodes}},
                  text);
    return ExitCode::ok;
}

/// Whatever the record counts on exists: what goes is forgotten first.
void forget(Store& store, Record& record, const std::vector<Pair>& gone) {
    const Record before = record;
    const auto goes = [&](const Pair& pair) { return std::find(gone.begin(), gone.end(), pair) != gone.end(); };
    std::erase_if(record.last_good, [&](const auto& entry) { return goes(entry.second); });
    if (record.staged && goes(record.staged->pair)) record.staged.reset();
    if (record != before) store.save_record(record);
}

}  // namespace

std::vector<Pair> PrunePlan::pairs(bool removed) const {
    std::vector<Pair> out;
    for (const PruneDecision& decision : decisions) {
        if (decision.remove == removed) out.push_back(decision.pair);
    }
    return out;
}

PrunePlan make_prune_plan(const Services& services, const Store& store, const Record& record, const HostFacts& facts,
                          std::size_t keep) {
    const std::vector<GenerationInfo> generations = store.list_generations();
    PruneFacts known{.generations = {},
                     .current = store.read_current(),
                     .previous = {},
                     .desired = record.desired,
                     .pending = record.pending,
                     .last_good = record.last_good,
                     .staged = {},
                     .staged_for = {},
                     .staged_is_awaited = false,
                     .rolled_back = {},
                     .exposed = exposed(store, generations, facts),
                     .running_kernel = facts.kernel_release,
                     .bootable_kernels = kernels_of(store.root())};
    known.previous =
        previous_driver(record, known.current, [&](const Pair& pair) { return fits(pair, generations, facts); });
    for (const GenerationInfo& generation : generations)
        known.generations.push_back({generation.pair, generation.installed_at});
    if (record.staged) {
        known.staged = record.staged->pair;
        known.staged_for = record.staged->os;
        known.staged_is_awaited = fits(record.staged->pair, generations, facts) || may_come(services, *record.staged);
    }
    if (record.rolled_back) known.rolled_back = {record.rolled_back->from, record.rolled_back->to};
    PrunePlan plan{.decisions = plan_prune(known, keep), .frees = {}};
    plan.frees = freed_by_removing(store, plan.pairs(true), plan.pairs(false));
    return plan;
}

ExitCode run_prune(const PruneOptions& options, Services& services, Report& report) {
    Store store{services.root};
    const HostFacts facts = services.read_facts();
    if (options.dry_run) {
        return tell(options, make_prune_plan(services, store, readable_record(store), facts, options.keep), report);
    }
    require_root(services, "prune");
    const Lock lock = take_lock(services, store, "prune");
    static_cast<void>(readable_record(store));  // refuses while recovery has not set a damaged one aside
    recover_store(services, store, facts, report);
    Record record = readable_record(store);
    const PrunePlan plan = make_prune_plan(services, store, record, facts, options.keep);
    const Record was = record;
    forget(store, record, plan.pairs(true));
    for (const PruneDecision& decision : plan.decisions) {
        if (!decision.remove) continue;
        stop_if_interrupted();
        report.note(fmt::format("removing {}", decision.pair.path()));
        store.remove_generation(decision.pair);
        const bool was_staged = was.staged && was.staged->pair == decision.pair;
        record.add_event({.at = services.clock.wall(),
                          .verb = "prune",
                          .pair = decision.pair,
                          .outcome = "removed",
                          .detail = was_staged ? decision.why : fmt::format("the newest {} were kept", options.keep)});
        store.save_record(record);
    }
    return tell(options, plan, report);
}

}  // namespace overdrive
