#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "support/sha256.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {

/// Writes a tree below one directory. No path leaves it, no link on the way is followed (openat2 with RESOLVE_BENEATH |
/// RESOLVE_NO_SYMLINKS), and a file has its name only when it is complete (O_TMPFILE + linkat, where the file system
/// has it).
class TreeWriter {
public:
    enum class Hashing { every_file, none };

    /// @param directory stays the caller's and must outlive the writer
    explicit TreeWriter(int directory, Hashing hashing = Hashing::every_file);

    /// Makes the directory and its missing parents, mode 0755.
    void make_directory(const std::string& path);
    /// @param target written as it is
    void make_link(const std::string& path, const std::string& target);

    /// Begins a file; missing parents are made. One file at a time.
    /// @param executable mode 0755, else 0644
    void begin_file(const std::string& path, bool executable);
    void write(std::string_view bytes);
    /// Gives the file its name and sends what is left of it on its way to the disk.
    /// @return sha256 of what was written, hex; empty without Hashing
    /// @throws Error bad_archive when the name is taken
    [[nodiscard]] std::string end_file();

    /// Gives a file that is open elsewhere the name `path` (a hard link). false when the file system does not allow it.
    [[nodiscard]] bool link_file(int file, const std::string& path);
    /// Makes `path` a copy of `file` that shares its blocks (FICLONE). false when the file system cannot.
    [[nodiscard]] bool clone_file(int file, const std::string& path, bool executable);
    void remove(const std::string& path);

private:
    [[nodiscard]] int parent_of(const std::string& path, std::string& name);
    void create(const std::string& path, const std::string& name, int parent);
    void give_name(const std::string& path);
    void begin_writeback();

    int directory_;
    Hashing hashing_;
    bool nameless_;  ///< O_TMPFILE and /proc/self/fd work here
    std::string parent_path_;
    UniqueFd parent_;

    std::string path_;
    std::string name_;
    UniqueFd file_;
    bool executable_ = false;
    std::uint64_t written_ = 0;
    std::uint64_t flushed_ = 0;
    Sha256 hash_;
};

}  // namespace overdrive
