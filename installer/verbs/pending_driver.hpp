#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "verbs/local_state.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// The host as it will be after its next boot, as far as that is known now: the kernel release is the pending one
/// (empty where it is not known), nothing is known of its build, and no attempt of this boot counts.
[[nodiscard]] HostFacts facts_after_boot(const HostFacts& now, const PendingOs& pending);

/// The installed pair that the boot of the pending OS will use: selected by its rules for the pending kernel; where
/// only the OS key is known, for the kernel of what is installed for that key. nullopt when none fits.
/// @param local what is installed now; its record and generations count
[[nodiscard]] std::optional<Pair> driver_after_boot(const Store& store, const Config& config, const LocalState& local,
                                                    const PendingOs& pending);

/// The installed pairs nearest to what is missing, at most five, for people: the same driver for other OS releases
/// first.
[[nodiscard]] std::vector<std::string> nearest_installed(const LocalState& local);

/// `4081.3.0 (update_engine)`.
[[nodiscard]] std::string to_text(const PendingOs& pending);
/// `{"source": "update_engine", "version": ..., "os_key": ..., "kernel_release": ...}`, or null.
[[nodiscard]] nlohmann::ordered_json pending_json(const std::optional<PendingOs>& pending);

/// Why the last staging in this boot failed.
struct StagingFailure {
    std::string os_key;
    std::string reason;  ///< its code
    std::string message;
};
[[nodiscard]] std::optional<StagingFailure> read_staging_failure(const Root& root);
/// nullopt: it did not fail.
void tell_staging_failure(const Root& root, const std::optional<StagingFailure>& failure);

}  // namespace overdrive
