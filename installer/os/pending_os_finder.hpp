#pragma once

#include <optional>

#include "model/host_facts.hpp"
#include "model/os_profile.hpp"
#include "model/pending_os.hpp"
#include "ports/process_runner.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Who knows the pending OS of the host in `root`; none where its os-release cannot be read.
[[nodiscard]] PendingSource pending_source_of(const Root& root);

/// Asks whoever the OS profile names for the OS release that the next boot will run.
/// @param facts of the running OS
/// @return nullopt when it is the running one, or nobody knows
/// @throws Error unsupported, service_manager, io: whoever knows does not answer, or not in a known form
[[nodiscard]] std::optional<PendingOs> find_pending_os(const Root& root, const HostFacts& facts,
                                                       ProcessRunner& processes);

}  // namespace overdrive
