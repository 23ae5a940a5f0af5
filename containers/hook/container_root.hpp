#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/unique_fd.hpp"

namespace overdrive {

/// The root file system of a container that is being made: hostile ground, held by a descriptor.
///
/// Every path is resolved by the kernel as the container would see it (openat2 with RESOLVE_IN_ROOT |
/// RESOLVE_NO_MAGICLINKS) and what is found is used by descriptor, never by name again, so that no link and no rename
/// by somebody else leads out of it. Only regular files are ever opened for reading: a FIFO or a device of the image is
/// refused before anything in it can act. Nothing is synced: a container's file system need not survive a power cut.
/// @see openat2(2)
class ContainerRoot {
public:
    /// Takes over `directory`, an O_PATH descriptor.
    explicit ContainerRoot(UniqueFd directory) : fd_{std::move(directory)} {}

    /// @throws Error bad_root when `path` is no absolute path of a directory, or is the host's own root
    [[nodiscard]] static ContainerRoot open_path(const std::string& path);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// An O_PATH descriptor of what `path` leads to; nullopt when there is nothing. `flags` may add O_DIRECTORY.
    [[nodiscard]] std::optional<UniqueFd> find(std::string_view path, int flags = 0) const;
    /// An O_PATH descriptor of the directory, made with its missing parents (mode 0755, or `mode`).
    [[nodiscard]] UniqueFd directory(std::string_view path, mode_t mode = 0755) const;
    /// Where inside the root an open directory is, with a leading slash.
    /// @throws Error io when it is no longer below the root
    [[nodiscard]] std::string place_of(const UniqueFd& directory) const;

    /// Opens a regular file for reading; nullopt when there is none. @throws Error when it is something else
    [[nodiscard]] std::optional<UniqueFd> open_regular(std::string_view path) const;
    /// The whole of a regular file; nullopt when there is none. @throws Error when larger than `most` bytes
    [[nodiscard]] std::optional<std::string> read_file(std::string_view path, std::size_t most) const;
    /// The names in a directory, sorted; empty when there is none. @throws Error when there are more than 65536
    [[nodiscard]] std::vector<std::string> list(std::string_view path) const;

    /// Makes a file that was not there. @return false when the name is taken
    [[nodiscard]] bool create_file(std::string_view path, std::string_view content, mode_t mode) const;
    /// Puts a new file in place of whatever bears the name, a link included.
    void replace_file(std::string_view path, std::string_view content, mode_t mode) const;
    /// Points `path` at `target`, in place of a file or another link; missing directories are made.
    void replace_link(std::string_view path, const std::string& target) const;

private:
    UniqueFd fd_;
};

/// `path` without doubled and trailing slashes, with a leading one.
/// @throws Error usage when it is empty, has a `..`, or holds control characters: such a path comes from a damaged or
///               malicious spec, and what it means depends on links of the image. `what` names it in the message.
[[nodiscard]] std::string checked_path(std::string_view path, std::string_view what);

/// Ten random letters and digits, for names that nobody can have prepared.
[[nodiscard]] std::string random_name();

}  // namespace overdrive
