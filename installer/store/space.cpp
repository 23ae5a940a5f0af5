#include "store/space.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <set>
#include <string>
#include <string_view>

namespace overdrive {

namespace {

/// Beyond this driver.json is nonsense, and sums could overflow.
constexpr std::uint64_t kMostTreeBytes = 1ULL << 40U;
/// Commit record, record, journal, status, with the file that is written beside each, and their directories' growth.
constexpr std::uint64_t kOwnFiles = 8;

std::uint64_t in_blocks(std::uint64_t bytes, std::uint64_t block) { return (bytes + block - 1) / block * block; }

void add_directories(const std::string& path, std::set<std::string, std::less<>>& out) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
        out.insert(path.substr(0, slash));
}

std::string in_words(std::uint64_t bytes) {
    constexpr double kMiB = 1U << 20U;
    return fmt::format("{} bytes ({:.1f} MiB)", bytes, static_cast<double>(bytes) / kMiB);
}

constexpr std::string_view kAreFree = "inodes are free";

std::string in_words(const SpaceLeft& left) {
    return fmt::format("{} and {} {}", in_words(left.bytes),
                       left.inodes ? fmt::format("{}", *left.inodes) : std::string{"any number of"}, kAreFree);
}

std::string in_words(const UnpackedSize& need, const SpaceLeft& left) {
    return fmt::format("the driver needs {} and {} inodes; {}", in_words(need.bytes), need.inodes, in_words(left));
}

UnpackedSize with_own_files(const UnpackedSize& need, std::uint64_t block_bytes) {
    return {.bytes = need.bytes + kOwnFiles * block_bytes, .inodes = need.inodes + kOwnFiles};
}

}  // namespace

SpaceLeft space_left(const Store& store) {
    const UniqueFd directory = store.root().open(store.directory(), O_RDONLY | O_DIRECTORY);
    struct statvfs space {};
    if (fstatvfs(directory.get(), &space) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::io, saved_errno, fmt::format("ask for the space on '{}'", store.directory()));
    }
    SpaceLeft left{.bytes = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize,
                   .inodes = std::nullopt,
                   .block_bytes = space.f_frsize};
    if (space.f_files != 0) left.inodes = space.f_favail;
    return left;
}

UnpackedSize space_of(const DriverManifest& manifest, bool modules, bool user_space, std::uint64_t block_bytes) {
    UnpackedSize out;
    std::set<std::string, std::less<>> made;
    std::set<std::string, std::less<>> there;
    for (const FileSpec& file : manifest.files) {
        const bool counts = file.layer == LayerRole::modules ? modules : user_space;
        add_directories(file.path, counts ? made : there);
        if (!counts) continue;
        if (file.size > kMostTreeBytes - out.bytes) {
            throw Error{Errc::bad_manifest,
                        fmt::format("driver.json: with '{}' the files are larger than 1 TiB", file.path)};
        }
        out.bytes += in_blocks(file.size, block_bytes);
        ++out.inodes;
    }
    for (const std::string& directory : made) {
        if (there.contains(directory)) continue;
        out.bytes += block_bytes;
        ++out.inodes;
    }
    return out;
}

UnpackedSize announced_space(const ResolvedArtifact& artifact, bool reuses, std::uint64_t block_bytes) {
    UnpackedSize out;
    for (const LayerDescriptor& layer : artifact.layers) {
        const bool counts = layer.role == LayerRole::modules || (layer.role == LayerRole::user_space && !reuses);
        if (!counts || !layer.unpacked) continue;
        out.bytes += layer.unpacked->bytes;
        out.inodes += layer.unpacked->inodes;
        // Larger blocks than it was reckoned with: each file may waste so much more.
        if (block_bytes > UnpackedSize::kBlockBytes)
            out.bytes += layer.unpacked->inodes * (block_bytes - UnpackedSize::kBlockBytes);
    }
    return out;
}

void require_space(const Store& store, const UnpackedSize& need) { require_space(store, space_left(store), need); }

void require_space(const Store& store, const SpaceLeft& left, const UnpackedSize& need) {
    if (need.bytes == 0 && need.inodes == 0) return;
    const UnpackedSize all = with_own_files(need, left.block_bytes);
    if (all.bytes <= left.bytes && (!left.inodes || all.inodes <= *left.inodes)) return;
    throw Error{Errc::no_space, fmt::format("'{}': {}", store.directory(), in_words(all, left))};
}

Error with_space_told(const Error& full, const Store& store, const UnpackedSize& need) {
    const std::string message = full.what();
    if (message.find(kAreFree) != std::string::npos) return full;  // require_space told it
    const SpaceLeft left = space_left(store);
    if (need == UnpackedSize{}) return {Errc::no_space, fmt::format("{}; {}", message, in_words(left))};
    return {Errc::no_space,
            fmt::format("{}; in all {}", message, in_words(with_own_files(need, left.block_bytes), left))};
}

}  // namespace overdrive
