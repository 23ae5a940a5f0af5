#include "verbs/rollback.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "store/verify_generation.hpp"
#include "transaction/steps/commit_record.hpp"
#include "transaction/transaction.hpp"
#include "verbs/activation.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/previous_driver.hpp"
#include "verbs/recovery.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

const GenerationInfo* find(const LocalState& local, const Pair& pair) {
    const auto found = std::find_if(local.generations.begin(), local.generations.end(),
                                    [&](const GenerationInfo& each) { return each.pair == pair; });
    return found == local.generations.end() ? nullptr : &*found;
}

bool fits(const LocalState& local, const Pair& pair) {
    const GenerationInfo* generation = find(local, pair);
    return generation != nullptr && generation->kernel_release == local.facts.kernel_release;
}

/// The generation that the operator named. @throws Error usage, no_artifact
Pair named_target(const LocalState& local, const std::string& name) {
    std::vector<std::string> known;
    for (const GenerationInfo& generation : local.generations) {
        const Pair& pair = generation.pair;
        known.push_back(pair.path());
        if (pair.path() != name && (pair.driver.text() != name || !fits(local, pair))) continue;
        if (fits(local, pair)) return pair;
        throw Error{Errc::no_artifact, fmt::format("{} is for kernel {}, this is {}", pair.path(),
                                                   generation.kernel_release, local.facts.kernel_release)};
    }
    throw Error{
        Errc::usage,
        fmt::format("no generation '{}' is installed for kernel {}; installed: {}", name, local.facts.kernel_release,
                    known.empty() ? std::string{"none"} : fmt::format("{}", fmt::join(known, ", ")))};
}

/// The one that was in force before `from`: by the history, else the last good one of this kernel.
/// @throws Error no_artifact
Pair previous_target(const LocalState& local, const std::optional<Pair>& from) {
    const Record record = local.record.value_or(Record{});
    if (const auto previous = previous_driver(record, from, [&](const Pair& pair) { return fits(local, pair); }))
        return *previous;
    const auto good = record.last_good.find(local.facts.kernel_release);
    if (good != record.last_good.end() && good->second != from && fits(local, good->second)) return good->second;
    throw Error{Errc::no_artifact, fmt::format("no earlier driver that was in force is installed for kernel {}",
                                               local.facts.kernel_release)}
        .with_remedy("'overdrive list' shows what is installed; '--to' names one of them");
}

/// @throws Error digest_mismatch naming the first file that differs
void require_intact(Services& services, const Store& store, const Pair& pair, Report& report) {
    report.note(fmt::format("checking every byte of {}", pair.path()));
    const auto differences = verify_generation(store, pair, {}, services.progress);
    if (differences.empty()) return;
    throw Error{Errc::digest_mismatch,
                fmt::format("{} is damaged: '{}' {}", pair.path(), differences.front().path, differences.front().what)}
        .with_remedy(fmt::format("'overdrive verify {}' names every file; 'overdrive rollback --to' takes another one",
                                 pair.path()));
}

std::function<void(Record&)> rolled_back(Services& services, const Config& config, const std::optional<Pair>& from,
                                         const Pair& to) {
    const auto wish = config.wish();
    return [&services, from, to, configured = wish ? std::optional{wish->text} : std::nullopt](Record& record) {
        record.wanted = to.driver.text();
        record.desired = to;
        record.rolled_back = RolledBack{.configured = configured, .from = from.value_or(to), .to = to};
        record.forget_attempt(to);
        record.add_event({services.clock.wall(), "rollback", to, "rolled-back",
                          from ? fmt::format("from {}", from->path()) : std::string{}});
    };
}

ExitCode tell_plan(const std::optional<Pair>& from, const Pair& to, Report& report) {
    report.result({{"schema", 1},
                   {"result", "dry-run"},
                   {"from", from ? ordered_json(from->path()) : ordered_json(nullptr)},
                   {"generation", to.path()}},
                  fmt::format("would check every byte of {} and put it in force\n", to.path()));
    return ExitCode::ok;
}

ExitCode tell(const std::optional<Pair>& from, const Activation& activation, Report& report) {
    const bool at_reboot = activation.result == Activation::Result::at_reboot;
    const std::string path = activation.pair->path();
    report.result({{"schema", 1},
                   {"result", at_reboot ? "at-reboot" : "rolled-back"},
                   {"from", from ? ordered_json(from->path()) : ordered_json(nullptr)},
                   {"generation", path},
                   {"changed", activation.changed},
                   {"state", to_string(activation.state.word)},
                   {"why", activation.state.why}},
                  at_reboot ? fmt::format("{} takes over at the next boot\n", path)
                            : fmt::format("{} is in force again: {}\n", path, activation.state.text()));
    return at_reboot ? ExitCode::at_reboot : ExitCode::ok;
}

}  // namespace

ExitCode run_rollback(const RollbackOptions& options, Services& services, Report& report) {
    if (!options.dry_run) require_root(services, "rollback");
    require_host_kernel(services, "rollback");
    const Config config = load_config(services.root, {}, Strictness::interactive);
    Store store{services.root};
    std::optional<Lock> lock;
    if (!options.dry_run) {
        lock.emplace(take_lock(services, store, "rollback"));
        recover_store(services, store, services.read_facts(), report);
    }
    std::vector<std::string> warnings;
    LocalState local = read_local_state(services, store, config, warnings);
    for (const std::string& warning : warnings) report.warn(warning);
    const std::optional<Pair> from = local.current ? local.current : local.selection.pair;
    const Pair to = options.to ? named_target(local, *options.to) : previous_target(local, from);
    if (options.dry_run) return tell_plan(from, to, report);
    require_intact(services, store, to, report);

    const auto before = store.load_usable_record();
    std::vector<std::unique_ptr<Step>> steps;
    steps.push_back(std::make_unique<CommitRecord>(store, rolled_back(services, config, from, to)));
    Journal journal{store.root(), store.journal_path()};
    Transaction{std::move(steps)}
        .run(journal, make_journal_header(services, local, "rollback", to), [](const Step& /*step*/) {})
        .throw_if_failed();
    local.record = store.load_record();
    select(local, store, to);
    try {
        const Activation activation = activate_selected(services, store, config, std::move(local),
                                                        {.verb = "rollback", .busy = options.busy}, report);
        throw_if_returned(activation);
        return tell(from, activation, report);
    } catch (const Error& error) {
        if (speaks_against_driver(error) || is_not_now(error)) want_again(store, before);
        throw;
    }
}

}  // namespace overdrive
