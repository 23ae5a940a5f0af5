#include "model/prune_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace overdrive {

namespace {

using Generation = PruneFacts::Generation;

bool is_newer(const Generation& a, const Generation& b) {
    if (a.installed_at != b.installed_at) return a.installed_at > b.installed_at;
    const auto order = compare_versions(a.pair.driver.version(), b.pair.driver.version());
    return order != 0 ? order > 0 : a.pair.path() > b.pair.path();
}

bool has(const std::vector<Pair>& pairs, const Pair& pair) {
    return std::find(pairs.begin(), pairs.end(), pair) != pairs.end();
}

/// The other kernel whose last good driver was installed last: the one that the host most likely ran before.
std::string kernel_before(const PruneFacts& facts, const std::vector<Generation>& newest_first) {
    for (const Generation& generation : newest_first) {
        for (const auto& [kernel, pair] : facts.last_good) {
            if (kernel != facts.running_kernel && pair == generation.pair) return kernel;
        }
    }
    return {};
}

/// Why it must stay however many are kept; empty when nothing says so.
std::string reason_to_stay(const PruneFacts& facts, const Pair& pair, const std::string& before) {
    if (facts.current == pair) return "current";
    if (has(facts.exposed, pair)) return "its libraries are in force";
    if (facts.desired == pair) return "the wanted one";
    if (facts.previous == pair) return "the one before: rollback returns to it";
    if (facts.pending == pair) return "takes effect at the next boot";
    if (facts.staged == pair && facts.staged_is_awaited) return fmt::format("staged for {}", facts.staged_for);
    if (has(facts.rolled_back, pair)) return "part of the last rollback";
    for (const auto& [kernel, good] : facts.last_good) {
        if (good != pair) continue;
        if (kernel == facts.running_kernel) return "last good one of the running kernel";
        if (kernel == before || facts.bootable_kernels.contains(kernel))
            return fmt::format("last good one of kernel {}", kernel);
    }
    return {};
}

}  // namespace

std::vector<PruneDecision> plan_prune(const PruneFacts& facts, std::size_t keep) {
    std::vector<Generation> newest_first = facts.generations;
    std::sort(newest_first.begin(), newest_first.end(), is_newer);
    const std::string before = kernel_before(facts, newest_first);
    std::vector<PruneDecision> out;
    for (const Generation& generation : newest_first) {
        PruneDecision decision{
            .pair = generation.pair, .remove = false, .why = reason_to_stay(facts, generation.pair, before)};
        if (decision.why.empty() && out.size() < keep) {
            decision.why = keep == 1 ? "the newest" : fmt::format("one of the newest {}", keep);
        } else if (decision.why.empty()) {
            decision.remove = true;
            decision.why = facts.staged == decision.pair
                               ? fmt::format("staged for {}, which is not pending any more", facts.staged_for)
                           : keep == 1 ? "not the newest"
                                       : fmt::format("not one of the newest {}", keep);
        }
        out.push_back(std::move(decision));
    }
    return out;
}

}  // namespace overdrive
