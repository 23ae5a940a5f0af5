#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/sha256.hpp"

namespace overdrive {

/// A running fs-verity digest: what the kernel measures of a file that it guards, made of the content alone. With
/// SHA-256, blocks of 4096 bytes and no salt, which every file system with fs-verity knows.
/// @see Documentation/filesystems/fsverity.rst, "Merkle tree" and "fs-verity descriptor"
class VerityDigest {
public:
    void update(std::string_view bytes);
    /// 64 lower-case hexadecimal digits of all bytes since construction or the last call; begins anew.
    [[nodiscard]] std::string finish();

private:
    /// One level of the Merkle tree: the hashes that do not fill a block yet.
    struct Level {
        std::string pending;
        std::uint64_t hashes = 0;  ///< that there are in all
    };
    void add_hash(std::size_t level, std::string_view block);

    std::string partial_;  ///< the last bytes, less than a block
    std::uint64_t size_ = 0;
    std::vector<Level> levels_;
    Sha256 hash_;  ///< of one block at a time
};

}  // namespace overdrive
