#include "archive/slice_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "support/error.hpp"
#include "support/interruption.hpp"
#include "support/root.hpp"

namespace overdrive {

void SliceReader::open(const std::string& path) {
    path_.clear();
    file_ = UniqueFd{open_beneath(directory_.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0,
                                  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)};
    const int saved_errno = errno;
    if (!file_) throw Error::from_errno(Errc::incomplete_artifact, saved_errno, fmt::format("open '{}'", path));
    struct stat status {};
    if (fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode))
        throw Error{Errc::incomplete_artifact, fmt::format("'{}' is no regular file", path)};
    path_ = path;
}

void SliceReader::read(const std::string& path, std::uint64_t offset, std::span<char> out) {
    if (path != path_) open(path);
    while (!out.empty()) {
        stop_if_interrupted();
        const ssize_t got = ::pread(file_.get(), out.data(), out.size(), static_cast<off_t>(offset));
        const int saved_errno = errno;
        if (got < 0 && saved_errno == EINTR) continue;
        if (got < 0) throw Error::from_errno(Errc::io, saved_errno, fmt::format("read '{}'", path));
        if (got == 0)
            throw Error{Errc::incomplete_artifact, fmt::format("'{}' ends before byte {}", path, offset + out.size())};
        out = out.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
}

}  // namespace overdrive
