#include "verbs/read_ahead.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <stop_token>
#include <system_error>
#include <utility>

#include "support/error.hpp"

namespace overdrive {

namespace {

/// The kernel reads no more than a device's read-ahead for one word of advice: mostly this much.
constexpr off_t kPiece = 128 << 10;

void read_ahead(const std::stop_token& stop, const Root& root, const std::string& path) {
    try {
        const auto file = root.open_if_exists(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        struct stat status {};
        if (!file || fstat(file->get(), &status) != 0) return;
        for (off_t at = 0; at < status.st_size && !stop.stop_requested(); at += kPiece)
            static_cast<void>(posix_fadvise(file->get(), at, kPiece, POSIX_FADV_WILLNEED));
    } catch (const Error&) {
        return;  // whoever needs it says what is wrong
    }
}

}  // namespace

ReadAhead::ReadAhead(const Root& root, std::vector<std::string> paths) {
    try {
        thread_ = std::jthread{[&root, paths = std::move(paths)](const std::stop_token& stop) {
            for (const std::string& path : paths) read_ahead(stop, root, path);
        }};
    } catch (const std::system_error&) {
        return;  // no thread to be had: everything is read when it is needed
    }
}

}  // namespace overdrive
