#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "model/driver_manifest.hpp"
#include "ports/artifact_source.hpp"
#include "store/store.hpp"
#include "support/error.hpp"

namespace overdrive {

/// What a file system has left for us.
struct SpaceLeft {
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> inodes;  ///< nullopt: it makes them as they are needed
    std::uint64_t block_bytes = 4096;     ///< a file takes a multiple of this
};

/// Of the file system that generations and staging are on. @throws Error io
[[nodiscard]] SpaceLeft space_left(const Store& store);

/// What the files of these layers take: each in whole blocks, links and directories counted. When only one layer is
/// asked for, directories that the other one makes too are not counted.
/// @throws Error bad_manifest when the sum is beyond 1 TiB
[[nodiscard]] UnpackedSize space_of(const DriverManifest& manifest, bool modules, bool user_space,
                                    std::uint64_t block_bytes);

/// What the layers of an artifact announce that they take; what a layer does not announce counts nothing.
/// @param reuses whether user space is there already and takes nothing
[[nodiscard]] UnpackedSize announced_space(const ResolvedArtifact& artifact, bool reuses, std::uint64_t block_bytes);

/// Sees that there is room for `need` and for the few small files that every install writes beside it.
/// @throws Error no_space with needed and available bytes and inodes
void require_space(const Store& store, const UnpackedSize& need);
void require_space(const Store& store, const SpaceLeft& left, const UnpackedSize& need);

/// The failure of a disk that became full in spite of require_space (somebody else writes too), with what the driver
/// needs in all, where that is known, and what is free now.
[[nodiscard]] Error with_space_told(const Error& full, const Store& store, const UnpackedSize& need);

/// Runs `body`; an Error no_space that leaves it tells needed and available bytes and inodes.
/// @param need read when that happens: `body` may learn more
template <typename Body>
decltype(auto) telling_space(const Store& store, const UnpackedSize& need, Body&& body) {
    try {
        return std::forward<Body>(body)();
    } catch (const Error& error) {
        if (error.code() != Errc::no_space) throw;
        throw with_space_told(error, store, need);
    }
}

}  // namespace overdrive
