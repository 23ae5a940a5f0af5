#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/host_facts.hpp"
#include "store/store.hpp"
#include "transaction/journal.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What was found of runs that were cut off, and what was done about it.
struct Recovery {
    std::optional<JournalContent> journal;  ///< of the transaction that was cut off
    std::vector<std::string> done;          ///< in words; empty when there was nothing to do
    std::optional<RecordLook> record;       ///< as it is now, when it need not be looked at again

    /// Whether the driver's daemons may still be stopped because of it.
    [[nodiscard]] bool daemons_were_stopped() const noexcept;
};

/// Whether a run before this one was cut off: it left its journal, or a file half written.
[[nodiscard]] bool was_cut_off(const Store& store);

/// The beginning of every run that changes something, under the lock: finishes or takes back what a run that was cut
/// off left in the store. Trees of dead runs go; a generation without its commit record is no generation and goes; a
/// driver whose activation a boot did not survive is remembered. What is in force needs no recovery of its own: every
/// activation derives it from what it finds.
/// @throws Error bad_record when a newer program's journal or record must not be touched; io, no_space, read_only
Recovery recover_store(Services& services, Store& store, const HostFacts& facts, Report& report);

/// The same at boot, where nothing of it may keep an installed driver from being activated: a failure is a warning.
Recovery recover_store_if_possible(Services& services, Store& store, const HostFacts& facts, Report& report);

}  // namespace overdrive
