#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/error.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {

/// The host's file system tree: `/` on the host, `/rootfs` in a container, a temporary directory in tests.
///
/// Every path given here is relative to it, with or without a leading slash, and is resolved inside it (openat2 with
/// RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS): an absolute link such as `/opt -> /var/opt` stays inside, no link leads
/// out. Errors name the path and carry Errc::io, or Errc::no_space / Errc::read_only where errno says so.
/// @see openat2(2)
class Root {
public:
    /// @throws Error bad_root when `path` is not a directory; unsupported when the kernel has no openat2
    explicit Root(std::string path);

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// An absolute path for libraries and programs that take no descriptor. Links are not resolved.
    [[nodiscard]] std::string host_path(std::string_view path) const;

    /// Opens with O_CLOEXEC. @throws Error
    [[nodiscard]] UniqueFd open(std::string_view path, int flags, mode_t mode = 0) const;
    /// The same, but nullopt when there is no such entry (ENOENT, ENOTDIR).
    [[nodiscard]] std::optional<UniqueFd> open_if_exists(std::string_view path, int flags) const;

    [[nodiscard]] bool exists(std::string_view path) const;
    /// Follows a last link inside the root; nullopt when absent.
    [[nodiscard]] std::optional<struct stat> status(std::string_view path) const;
    /// Does not follow a last link; nullopt when absent.
    [[nodiscard]] std::optional<struct stat> link_status(std::string_view path) const;
    /// The target of a link; nullopt when absent. @throws Error when it is there but no link
    [[nodiscard]] std::optional<std::string> read_link(std::string_view path) const;
    /// The whole file; nullopt when absent. @throws Error when it is larger than `most` bytes
    [[nodiscard]] std::optional<std::string> read_file(std::string_view path, std::size_t most = 16U << 20U) const;
    /// The names in a directory, sorted, without `.` and `..`; empty when absent.
    [[nodiscard]] std::vector<std::string> list(std::string_view path) const;

    /// Makes the directory and its missing parents, each with `mode`.
    void make_directories(std::string_view path, mode_t mode = 0755) const;
    /// The name beside `path` under which its next content is written, in both of the following. One writer at a time:
    /// what a killed one left there is overwritten by the next.
    [[nodiscard]] static std::string beside(std::string_view path);
    /// Replaces a file: written beside, synced, renamed, directory synced. On return it survives a power cut.
    void write_file(std::string_view path, std::string_view content, mode_t mode = 0644) const;
    /// Points `path` at `target` by renaming a new link over it; the directory is synced.
    void replace_link(std::string_view path, std::string_view target) const;
    void make_link(std::string_view path, std::string_view target) const;
    /// Removes a file, link or empty directory; absent is no error. @return whether something was there
    bool remove(std::string_view path) const;
    /// Removes a whole tree, never following links and never crossing into another mount; absent is no error.
    void remove_tree(std::string_view path) const;
    /// renameat2 with RENAME_NOREPLACE when `replace` is false.
    void rename(std::string_view from, std::string_view to, bool replace = true) const;
    /// Makes entries of this directory (new names, renames) durable.
    void sync_directory(std::string_view path) const;

private:
    struct Parent {
        UniqueFd directory;
        std::string name;
    };
    [[nodiscard]] Parent open_parent(std::string_view path) const;

    std::string path_;
    UniqueFd fd_;
};

/// openat2(2) without a C library wrapper; O_CLOEXEC is added. @return -1 with errno set on failure
[[nodiscard]] int open_beneath(int directory, const char* path, unsigned flags, mode_t mode,
                               unsigned long long resolve);

/// Reads from `fd` to its end. @throws Error io, or when more than `most` bytes come
[[nodiscard]] std::string read_all(int fd, std::string_view name, std::size_t most);
/// Writes all of `content`. @throws Error
void write_all(int fd, std::string_view content, std::string_view name);

}  // namespace overdrive
