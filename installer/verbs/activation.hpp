#pragma once

#include <string>
#include <vector>

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
        at_reboot       ///< another driver version is loaded; nothing was touched
    };
    Result result = Result::nothing_to_do;
    std::vector<std::string> changed;  ///< the steps that changed something
    DriverState state;
};

/// Puts the selected generation in force, or nothing at all; notes the outcome under /run/overdrive and in the record.
/// The caller holds the lock. @pre local.selection.pair
/// @throws Error what failed; not_restored when it could not be taken back
Activation activate_selected(Services& services, Store& store, const Config& config, LocalState local, Report& report);

/// The steps of an activation in words, for --dry-run.
[[nodiscard]] std::vector<std::string> describe_activation(Services& services, const Store& store,
                                                           const LocalState& local, const Config& config,
                                                           const DriverManifest& manifest);

}  // namespace overdrive
