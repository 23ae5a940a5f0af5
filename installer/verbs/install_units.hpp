#pragma once

#include "store/record.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Writes our units and drop-ins where they are missing or were ours and unchanged, reloads systemd and enables them.
/// Every path and its digest goes into `record.owned`. A foreign or edited file is never overwritten.
/// @return whether anything changed
/// @throws Error service_manager naming the foreign file, or with systemd's words
bool install_units(Services& services, const Config& config, Record& record, Report& report);

}  // namespace overdrive
