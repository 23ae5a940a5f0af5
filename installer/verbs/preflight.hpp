#pragma once

#include <string>
#include <vector>

#include "model/exit_code.hpp"
#include "model/finding.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/local_state.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Who asks.
enum class Occasion {
    by_hand,  ///< a person, who can answer
    boot      ///< a unit: milliseconds count, and what may go well is tried
};

/// What is wrong, or worth knowing, before the driver of `manifest` - an installed generation - is loaded on this host;
/// the most important first. Changes nothing, and blocks on nothing that cannot be read.
[[nodiscard]] std::vector<Finding> preflight(Services& services, const Store& store, const LocalState& local,
                                             const Config& config, const DriverManifest& manifest, Occasion occasion);

/// What is wrong with the host alone, before there is a driver to look at.
[[nodiscard]] std::vector<Finding> preflight_host(Services& services, const Store& store, const HostFacts& host);

/// Before anything is fetched for a host that has a driver already. @throws Error foreign_driver
void refuse_foreign_driver(Services& services, const Store& store, const Config& config);

/// Whether a finding keeps the driver from being loaded: it blocks, and the configuration does not say to ignore it.
[[nodiscard]] bool blocks(const Finding& finding, const Config& config);

/// Refuses to go on where a finding blocks, with all that do in one sentence; what only degrades is a warning.
/// @throws Error foreign_driver; module_load, incomplete_artifact, exposure where it speaks against this driver, so
/// that
///         another one is tried; preflight where it speaks against the host
void require_preflight(const std::vector<Finding>& findings, const Config& config, Report& report);

/// The manifest with the parameters of the configuration over its own. One that its module does not take is left out.
/// Looks at the modules of the generation only where the configuration has parameters.
[[nodiscard]] DriverManifest with_parameters(Services& services, const Store& store, const HostFacts& host,
                                             const Config& config, DriverManifest manifest);

/// A line each, for a plan.
[[nodiscard]] std::string to_text(const std::vector<Finding>& findings);
/// A finding as JSON: code, severity, subject, what, remedy.
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<Finding>& findings);

struct PreflightOptions {
    Overrides overrides;  ///< its driver: the generation to look at; without it the one that would be activated
};

/// The verb: looks, tells all findings. Needs neither the lock nor, for most of it, root.
/// @return answer_is_no when something blocks
/// @throws Error no_artifact when nothing that is installed fits
ExitCode run_preflight(const PreflightOptions& options, Services& services, Report& report);

}  // namespace overdrive
