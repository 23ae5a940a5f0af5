#include "verbs/guard_generation.hpp"

#include <fmt/format.h>

namespace overdrive {

GuardedFiles guard_generation(Services& services, const Store& store, const Pair& pair, Report& report) {
    GuardedFiles guarded;
    try {
        guarded = guard_files(store, pair, services.guard);
    } catch (const Error& error) {
        report.note(
            fmt::format("ignoring that not all files of {} could be put under guard: {}", pair.path(), error.what()));
    }
    if (guarded.files > 0)
        report.note(
            fmt::format("the kernel guards {} files of {} from now on (fs-verity)", guarded.files, pair.path()));
    if (!guarded.different.empty()) {
        report.warn(
            fmt::format("'{}' of {} is not what driver.json says, as the kernel sees it: 'overdrive verify {}' "
                        "tells whether it is damaged",
                        guarded.different.front(), pair.path(), pair.path()));
    }
    return guarded;
}

}  // namespace overdrive
