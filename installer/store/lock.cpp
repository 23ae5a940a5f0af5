#include "store/lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "support/error.hpp"
#include "support/interruption.hpp"

namespace overdrive {

namespace {

constexpr std::chrono::milliseconds kPollInterval{100};
constexpr std::size_t kMostHolderText = 512;

struct flock whole_file() {
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    return range;  // l_start and l_len 0: all of it
}

/// What the holder wrote about itself; it may be half written or left over.
std::string read_holder(int file) {
    std::string text(kMostHolderText, '\0');
    const ssize_t got = pread(file, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    const bool readable =
        !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
    return readable ? text : "another run";
}

bool is_taken(int error) { return error == EAGAIN || error == EACCES; }

bool try_lock(int file, const std::string& path) {
    struct flock range = whole_file();
    // An open file description lock: it belongs to this open, not to the process, and other opens in it respect it.
    if (fcntl(file, F_OFD_SETLK, &range) == 0) return true;  // NOLINT(*-vararg)
    const int saved_errno = errno;
    if (is_taken(saved_errno)) return false;
    throw Error::from_errno(Errc::io, saved_errno, fmt::format("lock '{}'", path));
}

/// Whether `file` is what `path` names. An uninstall takes the file away while we wait for it: a lock on that one keeps
/// nobody out. @param file opened anew when it is not
bool is_still(const Root& root, const std::string& path, UniqueFd& file) {
    struct stat ours {};
    const auto there = root.status(path);
    if (there && fstat(file.get(), &ours) == 0 && there->st_ino == ours.st_ino && there->st_dev == ours.st_dev)
        return true;
    root.make_directories(path.substr(0, path.rfind('/')));
    file = root.open(path, O_RDWR | O_CREAT, 0644);
    return false;
}

}  // namespace

Lock Lock::acquire(const Root& root, const std::string& path, std::string_view verb, std::chrono::milliseconds timeout,
                   Clock& clock) {
    const auto deadline = clock.steady() + timeout;
    UniqueFd file = root.open(path, O_RDWR | O_CREAT, 0644);
    while (!try_lock(file.get(), path) || !is_still(root, path, file)) {
        if (clock.steady() >= deadline) {
            throw Error{Errc::busy, fmt::format("'{}' is held by {}", path, read_holder(file.get()))}.with_remedy(
                "wait for it to end, then try again");
        }
        stop_if_interrupted();
        clock.sleep(kPollInterval);
    }
    const std::string text = fmt::format("pid {}, {}, since {}\n", getpid(), verb, clock.wall().count());
    if (ftruncate(file.get(), 0) == 0) {
        // The text is a courtesy to whom we keep waiting; a full disk must not keep us from locking.
        static_cast<void>(!pwrite(file.get(), text.data(), text.size(), 0));
    }
    return Lock{std::move(file)};
}

std::optional<std::string> Lock::holder(const Root& root, const std::string& path) {
    const auto file = root.open_if_exists(path, O_RDONLY);
    if (!file) return std::nullopt;
    struct flock range = whole_file();
    range.l_type = F_RDLCK;  // our descriptor is for reading only
    if (fcntl(file->get(), F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK)
        return std::nullopt;  // NOLINT(*-vararg)
    return read_holder(file->get());
}

Lock::~Lock() {
    if (!file_) return;
    static_cast<void>(!ftruncate(file_.get(), 0));
    struct flock range = whole_file();
    range.l_type = F_UNLCK;
    static_cast<void>(fcntl(file_.get(), F_OFD_SETLK, &range));  // NOLINT(*-vararg): not left to close, which may fail
}

}  // namespace overdrive
