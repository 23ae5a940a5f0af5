#include "verbs/space_offer.hpp"

#include <fmt/format.h>

#include "verbs/prune.hpp"
#include "verbs/sizes.hpp"

namespace overdrive {

namespace {

/// nullopt when it would free nothing, or when that cannot be told.
std::optional<FreedSpace> prunable(const Services& services, const Store& store) {
    try {
        const PrunePlan plan =
            make_prune_plan(services, store, store.load_record().value_or(Record{}), services.read_facts(), 1);
        if (plan.frees.bytes > 0) return plan.frees;
    } catch (const Error&) {  // the failure that is being told is the one that counts
        return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

std::string space_remedy(const Services& services, const Store& store) {
    const std::string place = services.root.host_path(store.directory());
    if (const auto freed = prunable(services, store)) {
        return fmt::format("'overdrive prune --keep 1' would free {} ({} bytes) and {} inodes; else make room on '{}'",
                           human_bytes(freed->bytes), freed->bytes, freed->inodes, place);
    }
    return fmt::format("make room on the file system of '{}'; 'overdrive prune' would free nothing", place);
}

}  // namespace overdrive
