#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/exit_code.hpp"
#include "model/prune_plan.hpp"
#include "store/disk_usage.hpp"
#include "store/store.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct PruneOptions {
    std::size_t keep = 2;  ///< the newest so many stay, besides what must
    bool dry_run = false;
};

/// Removes the oldest generations, but never one that is in use, wanted, pending or may be returned to (plan_prune).
/// Under the lock; the commit record of a generation goes first, so that one whose removal began is never offered.
/// @throws Error bad_record when the record cannot be read: it says what must stay
ExitCode run_prune(const PruneOptions& options, Services& services, Report& report);

/// What a prune would do.
struct PrunePlan {
    std::vector<PruneDecision> decisions;  ///< the newest first
    FreedSpace frees;                      ///< by all removals together

    [[nodiscard]] std::vector<Pair> pairs(bool removed) const;
};

/// @param record what counts as wanted, pending, staged and good
[[nodiscard]] PrunePlan make_prune_plan(const Services& services, const Store& store, const Record& record,
                                        const HostFacts& facts, std::size_t keep);

}  // namespace overdrive
