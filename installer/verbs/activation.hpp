#pragma once

#include <string>
#include <vector>

#include "model/busy_policy.hpp"
#include "model/finding.hpp"
#include "transaction/journal.hpp"
#include "verbs/local_state.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// How an activation ended.
struct Activation {
    enum class Result {
        nothing_to_do,  ///< all was in force already
        changed,        ///< now in force
        no_device,      ///< no GPU: only `current` is pointed
        at_reboot,      ///< another driver is loaded and in use; nothing was touched
        returned        ///< it failed, and the last good generation is in force instead
    };
    Result result = Result::nothing_to_do;
    std::vector<std::string> changed;  ///< the steps that changed something
    DriverState state;
    std::optional<Pair> pair;            ///< what is in force
    std::optional<Error> failure;        ///< what the wanted one failed with; set when returned
    std::vector<Finding> findings = {};  ///< of the preflight; none where nothing had to be done
    nlohmann::ordered_json times = nlohmann::ordered_json::array();  ///< where the time went. @see StepTimes
};

/// On whose behalf an activation runs.
struct ActivationRequest {
    std::string_view verb;     ///< for journal and history
    bool inside_unit = false;  ///< in a unit's own start, where no job of systemd may be waited for
    /// A run before this one stopped the driver's daemons and was cut off: they are started again.
    bool daemons_were_stopped = false;
    /// What the command line says about a loaded driver that somebody uses.
    BusyRequest busy{};
};

/// Puts the selected generation in force, or nothing at all; notes the outcome under /run/overdrive and in the record.
/// When it fails, the failure is remembered and what the rules select then - the last good generation, re-hashed before
/// - is put in force: `returned`. Another driver that is loaded is taken out first, with its daemons; where somebody
/// uses it, it is waited for them as the policy says, and then nothing is touched: `at_reboot`. The caller holds the
/// lock. @pre local.selection.pair
/// @throws Error module_busy, nothing touched, when it must not be put off; what failed, when nothing else could be put
/// in force; not_restored when it could not be taken back
Activation activate_selected(Services& services, Store& store, const Config& config, LocalState local,
                             const ActivationRequest& request, Report& report);

/// Whether a failure speaks against the generation and not against the moment (a full disk, a signal).
[[nodiscard]] bool speaks_against_driver(const Error& error) noexcept;

/// Whether it fails because the loaded driver is in use and the caller wants the other one now or not at all.
[[nodiscard]] bool is_not_now(const Error& error) noexcept;

/// Fails with what the wanted driver failed with, saying what is in force now. Returns when it did not fail.
void throw_if_returned(const Activation& activation);

/// After a driver failed, or could not come now: the record wants again what it wanted in `before`; what it learned
/// since stays.
void want_again(Store& store, const std::optional<Record>& before);

/// The header of a transaction that brings `to` into the store or in force.
[[nodiscard]] JournalHeader make_journal_header(const Services& services, const LocalState& local,
                                                std::string_view verb, const Pair& to);

}  // namespace overdrive
