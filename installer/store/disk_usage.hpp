#pragma once

#include <cstdint>
#include <vector>

#include "model/pair.hpp"
#include "store/store.hpp"

namespace overdrive {

/// What a file system gets back.
struct FreedSpace {
    std::uint64_t bytes = 0;
    std::uint64_t inodes = 0;
};

/// What removing the generations `gone` gives back while `staying` stay: files whose last name goes, and directories;
/// without the blocks that they share by reflink with something that stays.
///
/// Blocks are those that the file system says it has allocated (st_blocks) and shares (FIEMAP_EXTENT_SHARED); its own
/// bookkeeping (extent trees, journals) is not counted, so that what statvfs(2) shows afterwards may differ by some
/// KiB.
/// @throws Error io
/// @see Documentation/filesystems/fiemap.rst
[[nodiscard]] FreedSpace freed_by_removing(const Store& store, const std::vector<Pair>& gone,
                                           const std::vector<Pair>& staying);

/// A run of bytes on the disk that several files may show.
struct DiskExtent {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

/// How many bytes of shared extents become free when the files of `gone` go and those of `staying` stay: what two files
/// that go share with each other and with nothing that stays. An extent that only one of them shows is shared with a
/// file that we do not know (a snapshot, a copy elsewhere) and stays.
[[nodiscard]] std::uint64_t freed_shared_bytes(const std::vector<DiskExtent>& gone,
                                               const std::vector<DiskExtent>& staying);

}  // namespace overdrive
