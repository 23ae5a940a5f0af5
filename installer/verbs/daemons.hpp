#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/daemon_plan.hpp"
#include "store/store.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What is to run beside a driver on this host. Without a reader of hardware facts: nvidia-persistenced alone.
[[nodiscard]] DaemonPlan daemon_plan(const Services& services, const DriverManifest& manifest, const HostFacts& facts);

/// Tells the units of the planned daemons to run: one file each below /run/overdrive/daemons, with their environment;
/// the units of others are skipped without it.
void tell_daemons(const Root& root, const DaemonPlan& plan);

/// The units of our optional daemons that no installed driver brings: not written, so that they are in nobody's way.
[[nodiscard]] std::set<std::string> units_without_daemon(const Store& store);

/// Remembers until the next boot which daemons a run stopped, so that the one after it starts them when it is cut off.
void note_stopped_daemons(const Root& root, const std::vector<std::string>& units);
/// What cannot be removed stays, and costs a start of what runs already.
void forget_stopped_daemons(const Root& root) noexcept;
/// In the order in which they were stopped; empty when none is noted.
[[nodiscard]] std::vector<std::string> stopped_daemons(const Root& root);

}  // namespace overdrive
