#include "store/lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "support/error.hpp"

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

}  // namespace

Lock Lock::acquire(const Root& root, const std::string& path, std::string_view verb, std::chrono::milliseconds timeout,
                   Clock& clock) {
    UniqueFd file = root.open(path, O_RDWR | O_CREAT, 0644);
    const auto deadline = clock.steady() + timeout;
    while (!try_lock(file.get(), path)) {
        if (clock.steady() >= deadline) {
            throw Error{Errc::busy, fmt::format("'{}' is held by {}", path, read_holder(file.get()))}.with_remedy(
                "wait for it to end, then try again");
        }
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
    if (file_) static_cast<void>(!ftruncate(file_.get(), 0));
}

}  // namespace overdrive
