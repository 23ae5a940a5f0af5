#pragma once

#include "store/store.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Writes our units and drop-ins where they are missing or were ours and unchanged, reloads systemd and enables them.
/// Every path and its digest is in `record.owned`, durable, before it is made. A foreign or edited file is never
/// overwritten.
/// @return whether anything changed
/// @throws Error service_manager naming the foreign file, before anything was written, or with systemd's words
bool install_units(Services& services, Store& store, const Config& config, Report& report);

/// The same refusal without writing anything: asked before a driver is fetched.
void require_units_placeable(const Services& services, const Store& store, const Config& config);

}  // namespace overdrive
