#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/pair.hpp"

namespace overdrive {

/// What decides which generations may go.
struct PruneFacts {
    struct Generation {
        Pair pair;
        std::chrono::seconds installed_at{0};  ///< wall clock
    };
    std::vector<Generation> generations;
    std::optional<Pair> current;
    std::optional<Pair> previous;           ///< what a rollback would return to
    std::optional<Pair> desired;            ///< the pair that was installed last
    std::optional<Pair> pending;            ///< takes effect at the next boot
    std::map<std::string, Pair> last_good;  ///< by kernel release
    std::optional<Pair> staged;             ///< for an OS release before that ran
    std::string staged_for;                 ///< that OS release, for people
    bool staged_is_awaited = false;         ///< it is still pending, or may be
    std::vector<Pair> rolled_back;          ///< both sides of the last rollback
    std::vector<Pair> exposed;              ///< a mount shows their libraries
    std::string running_kernel;
    std::set<std::string> bootable_kernels;  ///< releases that the host still has, as far as can be seen
};

/// What becomes of one generation, and why.
struct PruneDecision {
    Pair pair;
    bool remove = false;
    std::string why;  ///< `current`, `one of the newest 2` ...
};

/// Decides which generations go when the newest `keep` shall stay. Never goes what is in use, wanted, pending or staged
/// for a pending OS, what can be returned to after a failed driver (the last good one of the running kernel) or after a
/// return to the OS before (of every other kernel that the host still has, and of the kernel whose driver was installed
/// last).
/// @return one decision for each generation, the newest first: by time of installation, then by driver version
[[nodiscard]] std::vector<PruneDecision> plan_prune(const PruneFacts& facts, std::size_t keep);

}  // namespace overdrive
