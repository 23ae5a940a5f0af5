#include "store/disk_usage.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

namespace overdrive {

namespace {

constexpr std::uint64_t kStatBlock = 512;  // unit of st_blocks, see stat(2)
constexpr std::size_t kExtentsAtOnce = 128;

using Inode = std::pair<dev_t, ino_t>;

/// A file that is met in trees, perhaps under several names.
struct Met {
    std::string path;
    std::uint64_t names = 0;  ///< in the trees that were walked
    struct stat status {};
};

using Inodes = std::map<Inode, Met>;

void collect(const Root& root, const std::string& path, Inodes& out) {
    const auto status = root.link_status(path);
    if (!status) return;
    Met& met = out[{status->st_dev, status->st_ino}];
    met.path = path;
    met.status = *status;
    ++met.names;
    if (!S_ISDIR(status->st_mode)) return;
    for (const std::string& name : root.list(path)) collect(root, fmt::format("{}/{}", path, name), out);
}

/// Asks for the extents of a file from `start` on. @return those that came; none at the end, and on a file system that
/// cannot tell
std::vector<fiemap_extent> extents_from(int file, std::uint64_t start) {
    // The kernel wants question and answer in one piece; fiemap's own array has no size in C++.
    constexpr std::size_t kWords = (sizeof(fiemap) + kExtentsAtOnce * sizeof(fiemap_extent)) / sizeof(std::uint64_t);
    std::array<std::uint64_t, kWords> memory{};
    fiemap head{};
    head.fm_start = start;
    head.fm_length = FIEMAP_MAX_OFFSET - start;
    head.fm_flags = FIEMAP_FLAG_SYNC;
    head.fm_extent_count = kExtentsAtOnce;
    std::memcpy(memory.data(), &head, sizeof head);
    if (ioctl(file, FS_IOC_FIEMAP, memory.data()) != 0) return {};
    std::memcpy(&head, memory.data(), sizeof head);
    std::vector<fiemap_extent> out(std::min<std::size_t>(head.fm_mapped_extents, kExtentsAtOnce));
    const auto* answer = reinterpret_cast<const char*>(memory.data()) + sizeof head;
    if (!out.empty()) std::memcpy(out.data(), answer, out.size() * sizeof(fiemap_extent));
    return out;
}

/// The extents of a file that other files share.
std::vector<DiskExtent> shared_extents(const Root& root, const std::string& path) {
    std::vector<DiskExtent> out;
    const auto file = root.open_if_exists(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file) return out;
    for (std::uint64_t start = 0;;) {
        const std::vector<fiemap_extent> extents = extents_from(file->get(), start);
        for (const fiemap_extent& extent : extents) {
            if ((extent.fe_flags & FIEMAP_EXTENT_SHARED) != 0)
                out.push_back({extent.fe_physical, extent.fe_physical + extent.fe_length});
            start = extent.fe_logical + extent.fe_length;
        }
        if (extents.empty() || (extents.back().fe_flags & FIEMAP_EXTENT_LAST) != 0) return out;
    }
}

std::uint64_t length_of(const std::vector<DiskExtent>& extents) {
    std::uint64_t length = 0;
    for (const DiskExtent& extent : extents) length += extent.end - extent.begin;
    return length;
}

void append(std::vector<DiskExtent>& all, const std::vector<DiskExtent>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

std::vector<DiskExtent> shared_extents_of(const Store& store, const std::vector<Pair>& pairs) {
    Inodes met;
    for (const Pair& pair : pairs) collect(store.root(), store.generation_path(pair), met);
    std::vector<DiskExtent> out;
    for (const auto& [inode, file] : met) {
        if (S_ISREG(file.status.st_mode)) append(out, shared_extents(store.root(), file.path));
    }
    return out;
}

}  // namespace

std::uint64_t freed_shared_bytes(const std::vector<DiskExtent>& gone, const std::vector<DiskExtent>& staying) {
    struct Edge {
        std::uint64_t at;
        int gone;
        int staying;
    };
    std::vector<Edge> edges;
    for (const DiskExtent& extent : gone) {
        edges.push_back({extent.begin, 1, 0});
        edges.push_back({extent.end, -1, 0});
    }
    for (const DiskExtent& extent : staying) {
        edges.push_back({extent.begin, 0, 1});
        edges.push_back({extent.end, 0, -1});
    }
    std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
    std::uint64_t freed = 0;
    std::uint64_t from = 0;
    int going = 0;
    int remaining = 0;
    for (const Edge& edge : edges) {
        if (going > 1 && remaining == 0) freed += edge.at - from;
        from = edge.at;
        going += edge.gone;
        remaining += edge.staying;
    }
    return freed;
}

FreedSpace freed_by_removing(const Store& store, const std::vector<Pair>& gone, const std::vector<Pair>& staying) {
    Inodes met;
    for (const Pair& pair : gone) collect(store.root(), store.generation_path(pair), met);
    FreedSpace freed;
    std::vector<DiskExtent> shared;
    for (const auto& [inode, file] : met) {
        const bool is_directory = S_ISDIR(file.status.st_mode);
        if (!is_directory && file.names < file.status.st_nlink) continue;  // it has a name elsewhere
        ++freed.inodes;
        std::uint64_t bytes = static_cast<std::uint64_t>(file.status.st_blocks) * kStatBlock;
        if (S_ISREG(file.status.st_mode)) {
            const std::vector<DiskExtent> extents = shared_extents(store.root(), file.path);
            bytes -= std::min(bytes, length_of(extents));
            append(shared, extents);
        }
        freed.bytes += bytes;
    }
    if (!shared.empty()) freed.bytes += freed_shared_bytes(shared, shared_extents_of(store, staying));
    return freed;
}

}  // namespace overdrive
