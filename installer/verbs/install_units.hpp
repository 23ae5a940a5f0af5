#pragma once

#include "store/store.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Writes our units and drop-ins where they are missing or were ours and unchanged, reloads systemd and enables them.
/// Every path and its digest is in `record.owned`, durable, before it is made. What others wrote for units of our names
/// loses its say, is warned about by name and comes back on uninstall; by policy it is refused. A file of ours that was
/// edited is never overwritten.
/// @return whether anything changed
/// @throws Error service_manager naming the edited or refused file, before anything was written, or with systemd's
/// words
bool install_units(Services& services, Store& store, const Config& config, Report& report);

/// The same refusal without writing anything: asked before a driver is fetched.
void require_units_placeable(const Services& services, const Store& store, const Config& config);

}  // namespace overdrive
