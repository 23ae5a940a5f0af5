#include "verbs/recovery.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "store/readopt.hpp"
#include "transaction/steps/load_modules.hpp"
#include "transaction/steps/publish_generation.hpp"
#include "transaction/steps/stop_daemons.hpp"
#include "verbs/runtime_files.hpp"

namespace overdrive {

namespace {

constexpr std::array kTold{kStatusFile, kToldFile, kDevicePresentFile, kReadyFile};

/// `'install' of 550.163.01/4081.2.1 was cut off in step 'publish-generation'`
std::string describe(const JournalContent& journal) {
    std::string text = fmt::format("'{}'", journal.header.verb);
    if (journal.header.to) text += fmt::format(" of {}", journal.header.to->path());
    text += " was cut off";
    if (!journal.steps.empty()) text += fmt::format(" in step '{}'", journal.last_step());
    return text;
}

/// Brings the record up to what the journal tells, and notes it in the history.
void remember(const JournalContent& journal, const std::vector<std::string>& done, Services& services, Store& store,
              const HostFacts& facts) {
    Record record = store.load_usable_record().value_or(Record{});
    const auto& to = journal.header.to;
    // A boot that ended while the modules were loaded may have been ended by them; a power cut looks the same, so one
    // says nothing yet.
    if (to && journal.began(kLoadModulesId) && journal.header.boot_id != facts.boot_id) {
        const Attempt* before = record.attempt(*to);
        record.remember(
            {*to, journal.header.boot_id, describe(journal), (before != nullptr ? before->interrupted : 0) + 1});
    }
    std::string detail = describe(journal);
    if (!done.empty()) detail += fmt::format("; {}", fmt::join(done, "; "));
    record.add_event({services.clock.wall(), "recover", to, "recovered", std::move(detail)});
    store.save_record(record);
}

}  // namespace

bool was_cut_off(const Store& store) {
    const auto left = [&](const std::string& path) { return store.root().link_status(path).has_value(); };
    return left(store.journal_path()) || left(Root::beside(store.record_path())) ||
           std::any_of(kTold.begin(), kTold.end(), [&](const char* file) { return left(Root::beside(file)); });
}

bool Recovery::daemons_were_stopped() const noexcept { return journal && journal->began(kStopDaemonsId); }

Recovery recover_store(Services& services, Store& store, const HostFacts& facts, Report& report) {
    RecordLook look = store.look_at_record();
    if (look.is_newer) throw Error{*look.fault};  // says who wrote it, before anything moves
    Recovery recovery{.journal = read_journal(store.root(), store.journal_path()), .done = {}, .record = {}};
    for (const std::string& id : store.remove_stale_staging())
        recovery.done.push_back(fmt::format("removed the unfinished tree '{}'", id));
    for (const std::string& path : store.remove_leftovers()) recovery.done.push_back(fmt::format("removed '{}'", path));
    for (const char* file : kTold) {
        if (store.root().remove(Root::beside(file)))
            recovery.done.push_back(fmt::format("removed '{}'", Root::beside(file)));
    }
    for (std::string& line : readopt_damaged(store, services.clock.wall())) recovery.done.push_back(std::move(line));
    if (look.fault && store.set_damaged_record_aside())
        recovery.done.push_back(
            fmt::format("set the damaged '{}' aside; what is installed speaks for itself", store.record_path()));
    if (recovery.journal) {
        const auto& to = recovery.journal->header.to;
        if (to && recovery.journal->began(kPublishGenerationId) && store.discard_unpublished(*to))
            recovery.done.push_back(fmt::format("removed {}, which was not complete", to->path()));
        report.note(fmt::format("recovering: {}", describe(*recovery.journal)));
        try {
            remember(*recovery.journal, recovery.done, services, store, facts);
        } catch (const Error& error) {
            if (error.code() != Errc::no_space && error.code() != Errc::read_only) throw;
            report.warn(fmt::format("ignoring that the record cannot be written: {}", error.what()));
        }
    }
    store.root().remove(store.journal_path());  // one whose header is torn had not begun anything
    for (const std::string& line : recovery.done) report.note(line);
    if (!recovery.journal && recovery.done.empty()) recovery.record = std::move(look);
    return recovery;
}

Recovery recover_store_if_possible(Services& services, Store& store, const HostFacts& facts, Report& report) {
    try {
        return recover_store(services, store, facts, report);
    } catch (const Error& error) {
        if (error.code() == Errc::interrupted) throw;
        report.warn(fmt::format("recovery is left to a later run: {}", error.what()));
        return {};
    }
}

}  // namespace overdrive
