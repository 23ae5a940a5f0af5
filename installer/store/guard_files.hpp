#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/pair.hpp"
#include "ports/content_guard.hpp"
#include "store/store.hpp"

namespace overdrive {

/// What came of asking the kernel to guard a generation's files.
struct GuardedFiles {
    std::uint64_t files = 0;             ///< guarded by this call
    std::uint64_t bytes = 0;             ///< of them
    std::vector<std::string> different;  ///< files whose content is not what driver.json names
};

/// Has the kernel guard the files of a generation for which driver.json names an fs-verity digest: the large ones of
/// user space, which the next generations share. (Modules change with every kernel: guarding them would bring nothing.)
///
/// The kernel reads and hashes each file once for it, at the rate of SHA-256 and mostly out of the page cache of a
/// fresh install. That is what the next reuse would cost, so it pays at the first one; but it is not to delay a driver:
/// call it when that is in force. It changes no content, no name and no state of ours, so it needs no lock and no
/// journal: cut off at any moment a file is guarded or is as it was, and is asked for again by the next install. Ends
/// at the first file where there is no fs-verity: one question is all that it costs there.
/// @throws Error incomplete_artifact, digest_mismatch, bad_manifest, io: the generation is gone or its driver.json is
///         damaged; interrupted, between two files
[[nodiscard]] GuardedFiles guard_files(const Store& store, const Pair& pair, ContentGuard& guard);

}  // namespace overdrive
