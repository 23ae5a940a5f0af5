#pragma once

#include "model/config.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Waits before a boot's first request to a registry, so that hosts that were started in the same second do not ask in
/// the same second: from 0 up to Config::boot_jitter, on one host always the same (host_seed).
/// @throws Error interrupted
void wait_boot_jitter(Services& services, const Config& config, Report& report);

}  // namespace overdrive
