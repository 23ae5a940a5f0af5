#include "support/root.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "support/release_with.hpp"

namespace overdrive {

namespace {

using Directory = std::unique_ptr<DIR, ReleaseWith<closedir>>;

std::string relative(std::string_view path) {
    while (!path.empty() && path.front() == '/') path.remove_prefix(1);
    while (!path.empty() && path.back() == '/') path.remove_suffix(1);
    return path.empty() ? "." : std::string{path};
}

bool is_absent(int error) { return error == ENOENT || error == ENOTDIR; }

bool is_dots(const char* name) { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

[[noreturn]] void fail(int saved_errno, std::string_view verb, std::string_view path) {
    throw Error::from_errno(Errc::io, saved_errno, fmt::format("{} '{}'", verb, path));
}

/// The names in the directory behind `fd`, which is taken over.
std::vector<std::string> names_in(UniqueFd fd, std::string_view path) {
    const Directory stream{fdopendir(fd.get())};
    if (!stream) fail(errno, "list", path);
    static_cast<void>(fd.release());
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe): the stream is ours alone
        if (!is_dots(static_cast<const char*>(entry->d_name)))
            names.emplace_back(static_cast<const char*>(entry->d_name));
    }
    const int saved_errno = errno;
    if (saved_errno != 0) fail(saved_errno, "list", path);
    std::sort(names.begin(), names.end());
    return names;
}

void remove_below(int parent, const std::string& name, dev_t device, std::string_view shown) {
    struct stat status {};
    if (fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return;
        fail(errno, "remove", shown);
    }
    if (!S_ISDIR(status.st_mode)) {
        if (unlinkat(parent, name.c_str(), 0) != 0 && errno != ENOENT) fail(errno, "remove", shown);
        return;
    }
    if (status.st_dev != device) {
        throw Error{Errc::io, fmt::format("remove '{}': '{}' is a mount point", shown, name)};
    }
    UniqueFd self{open_beneath(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_BENEATH)};
    if (!self) fail(errno, "remove", shown);
    UniqueFd listing{open_beneath(self.get(), ".", O_RDONLY | O_DIRECTORY, 0, RESOLVE_BENEATH)};
    if (!listing) fail(errno, "remove", shown);
    for (const std::string& child : names_in(std::move(listing), shown)) remove_below(self.get(), child, device, shown);
    if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) fail(errno, "remove", shown);
}

/// Makes the entries of `directory` (an O_PATH descriptor, which cannot be synced itself) durable.
void sync_entries_of(int directory, std::string_view path) {
    const UniqueFd readable{open_beneath(directory, ".", O_RDONLY | O_DIRECTORY, 0, RESOLVE_BENEATH)};
    if (!readable || fsync(readable.get()) != 0) fail(errno, "sync the directory of", path);
}

}  // namespace

int open_beneath(int directory, const char* path, unsigned flags, mode_t mode, unsigned long long resolve) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
    how.resolve = resolve;
    for (int tries = 0;; ++tries) {
        const long fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
        // EAGAIN: something on the way was renamed meanwhile and the kernel could not prove that we stay inside.
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || tries == 128) return static_cast<int>(fd);
    }
}

std::string read_all(int fd, std::string_view name, std::size_t most) {
    std::string content;
    std::array<char, 65536> buffer{};
    while (true) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got == 0) return content;
        if (got < 0) {
            if (errno == EINTR) continue;
            fail(errno, "read", name);
        }
        content.append(buffer.data(), static_cast<std::size_t>(got));
        if (content.size() > most) {
            throw Error{Errc::io, fmt::format("read '{}': larger than the {} bytes that are allowed", name, most)};
        }
    }
}

void write_all(int fd, std::string_view content, std::string_view name) {
    while (!content.empty()) {
        const ssize_t put = ::write(fd, content.data(), content.size());
        if (put < 0) {
            if (errno == EINTR) continue;
            fail(errno, "write", name);
        }
        content.remove_prefix(static_cast<std::size_t>(put));
    }
}

Root::Root(std::string path) : path_{std::move(path)} {
    fd_ = UniqueFd{::openat(AT_FDCWD, path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!fd_) throw Error::from_errno(Errc::bad_root, errno, fmt::format("open root '{}'", path_));
    const UniqueFd probe{open_beneath(fd_.get(), ".", O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT)};
    if (!probe && errno == ENOSYS)
        throw Error{Errc::unsupported, "this kernel has no openat2(2); Linux 5.6 or newer is needed"};
}

std::string Root::beside(std::string_view path) {
    const std::size_t name = path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1;
    return fmt::format("{}.{}.new", path.substr(0, name), path.substr(name));
}

std::string Root::host_path(std::string_view path) const {
    const std::string inside = relative(path);
    if (inside == ".") return path_;
    return path_ == "/" ? "/" + inside : path_ + "/" + inside;
}

UniqueFd Root::open(std::string_view path, int flags, mode_t mode) const {
    UniqueFd fd{open_beneath(fd_.get(), relative(path).c_str(), static_cast<unsigned>(flags), mode,
                             RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)};
    if (!fd) fail(errno, "open", path);
    return fd;
}

std::optional<UniqueFd> Root::open_if_exists(std::string_view path, int flags) const {
    UniqueFd fd{open_beneath(fd_.get(), relative(path).c_str(), static_cast<unsigned>(flags), 0,
                             RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)};
    if (fd) return fd;
    if (is_absent(errno)) return std::nullopt;
    fail(errno, "open", path);
}

bool Root::exists(std::string_view path) const { return status(path).has_value(); }

std::optional<struct stat> Root::status(std::string_view path) const {
    const auto fd = open_if_exists(path, O_PATH);
    if (!fd) return std::nullopt;
    struct stat status {};
    if (fstat(fd->get(), &status) != 0) fail(errno, "stat", path);
    return status;
}

std::optional<struct stat> Root::link_status(std::string_view path) const {
    const auto fd = open_if_exists(path, O_PATH | O_NOFOLLOW);
    if (!fd) return std::nullopt;
    struct stat status {};
    if (fstat(fd->get(), &status) != 0) fail(errno, "stat", path);
    return status;
}

std::optional<std::string> Root::read_link(std::string_view path) const {
    const auto fd = open_if_exists(path, O_PATH | O_NOFOLLOW);
    if (!fd) return std::nullopt;
    std::array<char, 4096> target{};
    const ssize_t length = readlinkat(fd->get(), "", target.data(), target.size());
    if (length < 0) fail(errno, "read link", path);
    return std::string{target.data(), static_cast<std::size_t>(length)};
}

std::optional<std::string> Root::read_file(std::string_view path, std::size_t most) const {
    const auto fd = open_if_exists(path, O_RDONLY);
    if (!fd) return std::nullopt;
    return read_all(fd->get(), path, most);
}

std::vector<std::string> Root::list(std::string_view path) const {
    auto fd = open_if_exists(path, O_RDONLY | O_DIRECTORY);
    if (!fd) return {};
    return names_in(std::move(*fd), path);
}

void Root::make_directories(std::string_view path, mode_t mode) const {
    const std::string inside = relative(path);
    for (std::size_t end = 0; end != std::string::npos;) {
        end = inside.find('/', end + 1);
        const std::string upto = inside.substr(0, end);
        if (open_if_exists(upto, O_PATH | O_DIRECTORY)) continue;
        const Parent parent = open_parent(upto);
        if (mkdirat(parent.directory.get(), parent.name.c_str(), mode) != 0 && errno != EEXIST)
            fail(errno, "make directory", path);
    }
}

Root::Parent Root::open_parent(std::string_view path) const {
    const std::string inside = relative(path);
    const std::size_t slash = inside.rfind('/');
    if (slash == std::string::npos) return {open(".", O_PATH | O_DIRECTORY), inside};
    return {open(std::string_view{inside}.substr(0, slash), O_PATH | O_DIRECTORY), inside.substr(slash + 1)};
}

void Root::write_file(std::string_view path, std::string_view content, mode_t mode) const {
    const Parent parent = open_parent(path);
    const std::string temporary = beside(parent.name);
    static_cast<void>(unlinkat(parent.directory.get(), temporary.c_str(), 0));
    {
        const UniqueFd fd{open_beneath(parent.directory.get(), temporary.c_str(),
                                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode, RESOLVE_BENEATH)};
        if (!fd) fail(errno, "create", path);
        try {
            write_all(fd.get(), content, path);
            if (fchmod(fd.get(), mode) != 0 || fsync(fd.get()) != 0) fail(errno, "sync", path);
        } catch (const Error&) {
            static_cast<void>(unlinkat(parent.directory.get(), temporary.c_str(), 0));
            throw;
        }
    }
    if (renameat(parent.directory.get(), temporary.c_str(), parent.directory.get(), parent.name.c_str()) != 0) {
        const int saved_errno = errno;
        static_cast<void>(unlinkat(parent.directory.get(), temporary.c_str(), 0));
        fail(saved_errno, "replace", path);
    }
    sync_entries_of(parent.directory.get(), path);
}

void Root::replace_link(std::string_view path, std::string_view target) const {
    const Parent parent = open_parent(path);
    const std::string temporary = beside(parent.name);
    static_cast<void>(unlinkat(parent.directory.get(), temporary.c_str(), 0));
    if (symlinkat(std::string{target}.c_str(), parent.directory.get(), temporary.c_str()) != 0)
        fail(errno, "link", path);
    if (renameat(parent.directory.get(), temporary.c_str(), parent.directory.get(), parent.name.c_str()) != 0) {
        const int saved_errno = errno;
        static_cast<void>(unlinkat(parent.directory.get(), temporary.c_str(), 0));
        fail(saved_errno, "replace link", path);
    }
    sync_entries_of(parent.directory.get(), path);
}

void Root::make_link(std::string_view path, std::string_view target) const {
    const Parent parent = open_parent(path);
    if (symlinkat(std::string{target}.c_str(), parent.directory.get(), parent.name.c_str()) != 0)
        fail(errno, "link", path);
}

bool Root::remove(std::string_view path) const {
    const auto status = link_status(path);
    if (!status) return false;
    const Parent parent = open_parent(path);
    if (unlinkat(parent.directory.get(), parent.name.c_str(), S_ISDIR(status->st_mode) ? AT_REMOVEDIR : 0) != 0) {
        if (errno == ENOENT) return false;
        fail(errno, "remove", path);
    }
    return true;
}

void Root::remove_tree(std::string_view path) const {
    const auto status = link_status(path);
    if (!status) return;
    const Parent parent = open_parent(path);
    remove_below(parent.directory.get(), parent.name, status->st_dev, path);
}

void Root::rename(std::string_view from, std::string_view to, bool replace) const {
    const Parent source = open_parent(from);
    const Parent target = open_parent(to);
    const unsigned flags = replace ? 0 : static_cast<unsigned>(RENAME_NOREPLACE);
    if (renameat2(source.directory.get(), source.name.c_str(), target.directory.get(), target.name.c_str(), flags) !=
        0) {
        fail(errno, fmt::format("rename '{}' to", from), to);
    }
}

void Root::sync_directory(std::string_view path) const {
    const UniqueFd directory = open(path, O_RDONLY | O_DIRECTORY);
    if (fsync(directory.get()) != 0) fail(errno, "sync directory", path);
}

}  // namespace overdrive
