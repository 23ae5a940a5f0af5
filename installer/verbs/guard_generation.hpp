#pragma once

#include "store/guard_files.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Has the kernel guard the files of a generation that the next ones will share, so that they need not be hashed then.
/// What goes wrong, a signal too, takes nothing back: it is noted, and the next install asks again.
[[nodiscard]] GuardedFiles guard_generation(Services& services, const Store& store, const Pair& pair, Report& report);

}  // namespace overdrive
