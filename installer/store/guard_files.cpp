#include "store/guard_files.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "support/interruption.hpp"

namespace overdrive {

namespace {

/// A file of the generation, open for reading; empty when it is not there or not of its size.
UniqueFd open_whole(const UniqueFd& generation, const FileSpec& spec) {
    UniqueFd file{open_beneath(generation.get(), spec.path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0,
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)};
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    return static_cast<std::uint64_t>(status.st_size) == spec.size ? std::move(file) : UniqueFd{};
}

}  // namespace

GuardedFiles guard_files(const Store& store, const Pair& pair, ContentGuard& guard) {
    GuardedFiles out;
    const DriverManifest manifest = store.read_manifest(pair);
    const UniqueFd generation = store.root().open(store.generation_path(pair), O_PATH | O_DIRECTORY);
    for (const FileSpec& spec : manifest.files) {
        if (spec.verity.empty()) continue;
        stop_if_interrupted();
        const UniqueFd file = open_whole(generation, spec);
        if (!file) continue;  // for 'verify' to tell
        const ContentGuard::Outcome outcome = guard.guard(file.get());
        if (outcome == ContentGuard::Outcome::not_available) break;
        if (outcome == ContentGuard::Outcome::not_now) continue;
        if (guard.measure(file.get()) != spec.verity) out.different.push_back(spec.path);
        if (outcome == ContentGuard::Outcome::was_guarded) continue;
        ++out.files;
        out.bytes += spec.size;
    }
    return out;
}

}  // namespace overdrive
