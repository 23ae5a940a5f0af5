#include "verbs/activation.hpp"

#include <fmt/format.h>

#include "store/verify_generation.hpp"
#include "verbs/activator.hpp"

namespace overdrive {

namespace {

/// Whether every byte of a generation is still what was installed; a warning says what is not.
bool is_intact(Services& services, const Store& store, const Pair& pair, Report& report) {
    report.note(fmt::format("checking every byte of {} before it is relied on", pair.path()));
    for (const Difference& difference : verify_generation(store, pair, {}, services.progress)) {
        report.warn(fmt::format("{} is not used: '{}' {}", pair.path(), difference.path, difference.what));
        return false;
    }
    return true;
}

}  // namespace

bool speaks_against_driver(const Error& error) noexcept {
    switch (error.code()) {
        case Errc::module_load:
        case Errc::verify_failed:
        case Errc::incomplete_artifact:
        case Errc::digest_mismatch:
        case Errc::bad_manifest:
            return true;
        default:
            return false;
    }
}

bool is_not_now(const Error& error) noexcept { return error.code() == Errc::module_busy; }

namespace {

/// Whether another driver may do better: also where the fault may be the host's, which is not held against the driver.
bool is_worth_another_try(const Error& error) {
    return speaks_against_driver(error) || error.code() == Errc::exposure || error.code() == Errc::device_nodes;
}

}  // namespace

Activation activate_selected(Services& services, Store& store, const Config& config, LocalState local,
                             const ActivationRequest& request, Report& report) {
    std::optional<Error> first;
    while (true) {
        const Pair pair = *local.selection.pair;
        std::optional<Error> failure;
        try {
            if (first && !is_intact(services, store, pair, report))
                throw Error{Errc::digest_mismatch, fmt::format("{} is damaged", pair.path())};
            Activation activation = activate_once(services, store, config, local, request, report);
            if (!first) return activation;
            activation.result = Activation::Result::returned;
            activation.failure = std::move(first);
            return activation;
        } catch (const Error& error) {
            if (!is_worth_another_try(error)) throw;
            failure = error;
        }
        const std::string reason = fmt::format("{}: {}", reason_code(failure->code()), failure->what());
        const Attempt attempt{pair, local.facts.boot_id, reason, 0};
        if (speaks_against_driver(*failure)) {
            change_record_if_possible(store, local, report, [&](Record& record) {
                record.remember(attempt);
                record.add_event({services.clock.wall(), std::string{request.verb}, pair, "failed", reason});
            });
        }
        if (!local.record) local.record.emplace();
        local.record->remember(attempt);  // in this run it is not tried again
        if (!first) first = failure;
        std::vector<std::string> warnings;
        select_by_rules(local, store, config, warnings);
        if (!local.selection.pair || local.record->attempt(*local.selection.pair) != nullptr) throw Error{*first};
        report.warn(fmt::format("{} failed: {}", pair.path(), failure->what()));
        report.note(explain(local.selection, local.facts.kernel_release));
    }
}

void want_again(Store& store, const std::optional<Record>& before) {
    const auto now = store.load_usable_record();
    if (!now) return;
    Record record = *now;
    const Record earlier = before.value_or(Record{});
    record.wanted = earlier.wanted;
    record.desired = earlier.desired;
    record.rolled_back = earlier.rolled_back;
    if (record != now) store.save_record(record);
}

JournalHeader make_journal_header(const Services& services, const LocalState& local, std::string_view verb,
                                  const Pair& to) {
    return {.verb = std::string{verb},
            .program_version = services.program.version,
            .boot_id = local.facts.boot_id,
            .at = services.clock.wall(),
            .from = local.current,
            .to = to};
}

void throw_if_returned(const Activation& activation) {
    if (!activation.failure) return;
    Error error{activation.failure->code(),
                fmt::format("{}; {} is in force", activation.failure->what(), activation.pair->path())};
    throw std::move(error).with_remedy(activation.failure->remedy());
}

}  // namespace overdrive
