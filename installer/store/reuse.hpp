#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/driver_manifest.hpp"
#include "ports/content_guard.hpp"
#include "store/staging.hpp"
#include "store/store.hpp"

namespace overdrive {

/// What became of an attempt to reuse.
struct CloneResult {
    bool reused = false;
    std::string reason;  ///< why not, in words; empty when reused
    std::uint64_t bytes = 0;
    std::uint64_t cloned = 0;         ///< files that share blocks (FICLONE)
    std::uint64_t linked = 0;         ///< files that are hard links
    std::uint64_t copied = 0;         ///< files that could be neither: copied, bytes and all
    std::uint64_t hashed_bytes = 0;   ///< of `bytes`, read and hashed again
    std::uint64_t vouched_bytes = 0;  ///< of `bytes`, taken unread: the kernel guards them
};

/// A file or link of a new tree, and the path under which an installed one has the same.
struct FileToClone {
    const FileSpec* wanted = nullptr;  ///< not owned
    std::string from;                  ///< of no meaning for a link, which is made anew
};

/// Makes files in `staging` out of those of the generation `from`. When one differs by a bit, or is missing, none is
/// made.
///
/// A file is hashed again first and becomes a reflink, else a hard link, else a copy. Not so one whose content the
/// kernel guards and measures to be exactly what driver.json names: that becomes a hard link unread, because only the
/// same inode stays guarded; a block of it that the disk has damaged since is an error for whoever reads it, never
/// another content.
/// @param guard nullptr: every file is read, for a damaged block is to be found now
/// @throws Error io, no_space on the staging side only
[[nodiscard]] CloneResult clone_files(const Store& store, const Pair& from, const Staging& staging,
                                      std::vector<FileToClone> files, ContentGuard* guard = nullptr);

/// Makes the user-space files of `manifest` in `staging` out of the generation `from`, which was installed from the
/// same user-space layer; see `clone_files`.
[[nodiscard]] CloneResult clone_user_space(const Store& store, const Pair& from, const Staging& staging,
                                           const DriverManifest& manifest, ContentGuard* guard = nullptr);

}  // namespace overdrive
