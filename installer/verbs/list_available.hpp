#pragma once

#include "model/exit_code.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct ListAvailableOptions {
    Overrides overrides;
};

/// Lists what the pair indexes of the configured sources offer for this kernel, the best first for each source: `*`
/// marks what the wish means there. Where nothing fits, the nearest pairs. Changes nothing.
/// @throws Error config: no source; no_artifact: no source has an index; else as ask_index, of the first source that
/// fails
ExitCode run_list_available(const ListAvailableOptions& options, Services& services, Report& report);

}  // namespace overdrive
