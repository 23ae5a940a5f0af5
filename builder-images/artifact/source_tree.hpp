#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "support/root.hpp"

namespace overdrive {

/// One file, link or directory that goes into a layer, as the layer will hold it.
struct TreeEntry {
    enum class Kind { directory, file, link };

    std::string path;  ///< relative to the tree, plain, printable ASCII
    Kind kind = Kind::file;
    unsigned mode = 0644;     ///< 0755 when the owner may execute it, else 0644; set-id bits are gone
    std::uint64_t size = 0;   ///< bytes of a file
    std::string sha256;       ///< lower-case hex of a file's content
    std::string link_target;  ///< of a link: relative, inside the tree, and there
    std::string verity{};     ///< lower-case hex of the fs-verity digest of a file's content; empty unless asked for
};

/// Files of fewer bytes have no fs-verity digest in driver.json. Of a real driver, the files above it hold 99.9 % of
/// the bytes (37 of 55 files); hashing the rest again costs less than asking the kernel about each.
inline constexpr std::uint64_t kLeastVerityBytes = 64U << 10U;

/// Which of the digests of files are made.
enum class Digests { sha256, and_verity };

/// Reads and hashes a tree. Directories come out only where something is in them, so that the layer and the list of
/// files in driver.json say the same.
///
/// @param name the tree in messages: `user space`
/// @return sorted by path
/// @throws Error bad_archive naming the entry: a device, a fifo, a socket, a name that is not printable ASCII, a link
///         that is absolute, leads out of the tree or to nothing; io
[[nodiscard]] std::vector<TreeEntry> read_tree(const Root& tree, std::string_view name,
                                               Digests digests = Digests::sha256);

/// Reads a file in pieces. @throws Error io
void read_pieces(const Root& tree, const std::string& path, const std::function<void(std::string_view)>& take);

}  // namespace overdrive
