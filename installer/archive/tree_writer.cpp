#include "archive/tree_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "support/error.hpp"
#include "support/root.hpp"

namespace overdrive {

namespace {

constexpr unsigned long long kBeneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
/// Writeback begins after so many bytes, so that the sync at the end finds little to do.
constexpr std::uint64_t kFlushBytes = 8U << 20U;
constexpr std::array<timespec, 2> kNoTime{};

[[noreturn]] void fail(int saved_errno, std::string_view verb, std::string_view path) {
    if (saved_errno == ELOOP || saved_errno == EXDEV || saved_errno == EEXIST || saved_errno == ENOTDIR) {
        const char* why = saved_errno == EEXIST    ? "the name is taken"
                          : saved_errno == ENOTDIR ? "a part of its path is a file"
                                                   : "its path goes through a link";
        throw Error{Errc::bad_archive, fmt::format("{} '{}': {}", verb, path, why)};
    }
    throw Error::from_errno(Errc::io, saved_errno, fmt::format("{} '{}'", verb, path));
}

/// Where the kernel shows a descriptor as a path, for linkat(2) without privileges.
std::string proc_path(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

/// Whether files can be made without a name and named later.
bool can_make_nameless(int directory) {
    const UniqueFd probe{open_beneath(directory, ".", O_TMPFILE | O_WRONLY, 0600, kBeneath)};
    if (!probe) return false;
    struct stat status {};
    return ::fstatat(AT_FDCWD, proc_path(probe.get()).c_str(), &status, 0) == 0;  // is /proc there?
}

}  // namespace

TreeWriter::TreeWriter(int directory, Hashing hashing)
    : directory_{directory}, hashing_{hashing}, nameless_{can_make_nameless(directory)} {}

int TreeWriter::parent_of(const std::string& path, std::string& name) {
    const std::size_t slash = path.rfind('/');
    name = slash == std::string::npos ? path : path.substr(slash + 1);
    std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
    if (parent_ && parent == parent_path_) return parent_.get();
    UniqueFd opened{open_beneath(directory_, parent.c_str(), O_PATH | O_DIRECTORY, 0, kBeneath)};
    if (!opened && errno == ENOENT) {
        make_directory(parent);
        opened = UniqueFd{open_beneath(directory_, parent.c_str(), O_PATH | O_DIRECTORY, 0, kBeneath)};
    }
    if (!opened) fail(errno, "unpack", path);
    parent_ = std::move(opened);
    parent_path_ = std::move(parent);
    return parent_.get();
}

void TreeWriter::make_directory(const std::string& path) {
    for (std::size_t end = 0; end != std::string::npos;) {
        end = path.find('/', end + 1);
        const std::string upto = path.substr(0, end);
        const UniqueFd there{open_beneath(directory_, upto.c_str(), O_PATH | O_DIRECTORY, 0, kBeneath)};
        if (there) continue;
        if (errno != ENOENT) fail(errno, "unpack directory", path);
        const std::size_t slash = upto.rfind('/');
        const std::string parent_path = slash == std::string::npos ? "." : upto.substr(0, slash);
        const std::string name = slash == std::string::npos ? upto : upto.substr(slash + 1);
        const UniqueFd parent{open_beneath(directory_, parent_path.c_str(), O_PATH | O_DIRECTORY, 0, kBeneath)};
        if (!parent) fail(errno, "unpack directory", path);
        if (mkdirat(parent.get(), name.c_str(), 0755) != 0) fail(errno, "unpack directory", path);
        // The umask may have taken bits away. By descriptor: in the meantime the name may have become a link.
        const UniqueFd made{open_beneath(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY, 0, kBeneath)};
        if (!made || fchmod(made.get(), 0755) != 0) fail(errno, "set the mode of", path);
    }
}

void TreeWriter::make_link(const std::string& path, const std::string& target) {
    std::string name;
    const int parent = parent_of(path, name);
    if (symlinkat(target.c_str(), parent, name.c_str()) != 0) fail(errno, "unpack link", path);
    if (utimensat(parent, name.c_str(), kNoTime.data(), AT_SYMLINK_NOFOLLOW) != 0) fail(errno, "set the time of", path);
}

void TreeWriter::create(const std::string& path, const std::string& name, int parent) {
    const bool nameless = nameless_;
    file_ = UniqueFd{
        nameless ? open_beneath(parent, ".", O_TMPFILE | O_WRONLY, 0600, kBeneath)
                 : open_beneath(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, kBeneath)};
    if (!file_) fail(errno, "unpack", path);
}

void TreeWriter::begin_file(const std::string& path, bool executable) {
    const int parent = parent_of(path, name_);
    path_ = path;
    executable_ = executable;
    written_ = 0;
    flushed_ = 0;
    static_cast<void>(hash_.finish());  // forget a file that was never ended
    create(path, name_, parent);
}

void TreeWriter::write(std::string_view bytes) {
    if (hashing_ == Hashing::every_file) hash_.update(bytes);
    write_all(file_.get(), bytes, path_);
    written_ += bytes.size();
    if (written_ - flushed_ >= kFlushBytes) begin_writeback();
}

void TreeWriter::begin_writeback() {
    // Only a hint; what fails here fails again, with words, at the sync.
    static_cast<void>(sync_file_range(file_.get(), static_cast<off_t>(flushed_),
                                      static_cast<off_t>(written_ - flushed_), SYNC_FILE_RANGE_WRITE));
    flushed_ = written_;
}

void TreeWriter::give_name(const std::string& path) {
    if (fchmod(file_.get(), executable_ ? 0755 : 0644) != 0) fail(errno, "set the mode of", path);
    if (geteuid() == 0 && fchown(file_.get(), 0, 0) != 0) fail(errno, "set the owner of", path);
    if (futimens(file_.get(), kNoTime.data()) != 0) fail(errno, "set the time of", path);
    if (nameless_ &&
        linkat(AT_FDCWD, proc_path(file_.get()).c_str(), parent_.get(), name_.c_str(), AT_SYMLINK_FOLLOW) != 0) {
        fail(errno, "unpack", path);
    }
}

std::string TreeWriter::end_file() {
    if (written_ > flushed_) begin_writeback();
    give_name(path_);
    file_ = UniqueFd{};
    return hashing_ == Hashing::every_file ? hash_.finish() : std::string{};
}

bool TreeWriter::link_file(int file, const std::string& path) {
    std::string name;
    const int parent = parent_of(path, name);
    if (linkat(AT_FDCWD, proc_path(file).c_str(), parent, name.c_str(), AT_SYMLINK_FOLLOW) == 0) return true;
    if (errno == EXDEV || errno == EMLINK || errno == EPERM || errno == ENOENT || errno == EOPNOTSUPP) return false;
    fail(errno, "link", path);
}

bool TreeWriter::clone_file(int file, const std::string& path, bool executable) {
    begin_file(path, executable);
    if (ioctl(file_.get(), FICLONE, file) != 0) {
        const int saved_errno = errno;
        file_ = UniqueFd{};
        if (!nameless_) remove(path);
        if (saved_errno == ENOSPC || saved_errno == EDQUOT) fail(saved_errno, "clone", path);
        return false;
    }
    give_name(path);
    file_ = UniqueFd{};
    return true;
}

void TreeWriter::remove(const std::string& path) {
    std::string name;
    const int parent = parent_of(path, name);
    if (unlinkat(parent, name.c_str(), 0) != 0 && errno != ENOENT) fail(errno, "remove", path);
}

}  // namespace overdrive
