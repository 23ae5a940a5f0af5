#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <new>
#include <vector>

#include "registry/layout_source.hpp"
#include "support/error.hpp"
#include "support/release_with.hpp"
#include "support/root.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {

namespace {

using ArchiveReader = std::unique_ptr<archive, ReleaseWith<archive_read_free>>;

constexpr std::size_t kBlock = 256U << 10U;
constexpr int kMostMembers = 100'000;

/// Opens what the operator named; the only place where a link may be followed.
UniqueFd open_named(const std::string& path, int flags) {
    UniqueFd fd{::openat(AT_FDCWD, path.c_str(), flags | O_CLOEXEC)};
    if (!fd) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::unreachable, saved_errno, fmt::format("open '{}'", path));
    }
    return fd;
}

class DirectoryFiles final : public LayoutFiles {
public:
    explicit DirectoryFiles(const std::string& path) : directory_{open_named(path, O_PATH | O_DIRECTORY)} {}

    bool stream(const std::string& path, const ArtifactSource::Sink& sink) override {
        const UniqueFd file{open_beneath(directory_.get(), path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
                                         RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)};
        if (!file && (errno == ENOENT || errno == ENOTDIR)) return false;
        if (!file) throw_io("open", path);
        struct stat status {};
        if (fstat(file.get(), &status) != 0) throw_io("stat", path);
        if (!S_ISREG(status.st_mode)) throw Error{Errc::io, fmt::format("'{}' is not a regular file", path)};
        static_cast<void>(posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL));
        std::vector<char> buffer(kBlock);
        while (true) {
            const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
            if (got == 0) return true;
            if (got < 0 && errno != EINTR) throw_io("read", path);
            if (got > 0) sink({buffer.data(), static_cast<std::size_t>(got)});
        }
    }

private:
    [[noreturn]] static void throw_io(std::string_view verb, const std::string& path) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::io, saved_errno, fmt::format("{} '{}'", verb, path));
    }

    UniqueFd directory_;
};

class ArchiveFiles final : public LayoutFiles {
public:
    explicit ArchiveFiles(const std::string& path) : path_{path}, file_{open_named(path, O_RDONLY)} {
        struct stat status {};
        if (fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
            throw Error{Errc::unreachable, fmt::format("'{}' is not a regular file", path)};
        }
    }

    /// Walks the headers; libarchive skips content by seeking, so that this reads a few blocks a member.
    bool stream(const std::string& path, const ArtifactSource::Sink& sink) override {
        if (lseek(file_.get(), 0, SEEK_SET) != 0) {
            const int saved_errno = errno;
            throw Error::from_errno(Errc::io, saved_errno, fmt::format("seek in '{}'", path_));
        }
        const ArchiveReader reader{archive_read_new()};
        if (!reader) throw std::bad_alloc{};
        archive_read_support_format_tar(reader.get());
        if (archive_read_open_fd(reader.get(), file_.get(), kBlock) != ARCHIVE_OK) refuse(reader.get());
        archive_entry* entry = nullptr;
        for (int members = 0; members < kMostMembers; ++members) {
            const int answer = archive_read_next_header(reader.get(), &entry);
            if (answer == ARCHIVE_EOF) return false;
            if (answer != ARCHIVE_OK) refuse(reader.get());
            const char* name = archive_entry_pathname(entry);
            if (name == nullptr || !is_same(name, path)) continue;
            if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr) {
                throw Error{Errc::bad_archive, fmt::format("'{}' in '{}' is not a regular file", path, path_)};
            }
            stream_data(reader.get(), sink);
            return true;
        }
        throw Error{Errc::bad_archive, fmt::format("'{}' has more than {} members", path_, kMostMembers)};
    }

private:
    static bool is_same(std::string_view name, std::string_view path) {
        if (name.starts_with("./")) name.remove_prefix(2);
        return name == path;
    }

    [[noreturn]] void refuse(archive* reader) const {
        const char* words = archive_error_string(reader);
        throw Error{Errc::bad_archive, fmt::format("'{}' is not an uncompressed tar file, or is damaged: {}", path_,
                                                   words == nullptr ? "unknown" : words)};
    }

    void stream_data(archive* reader, const ArtifactSource::Sink& sink) const {
        la_int64_t expected = 0;
        while (true) {
            const void* data = nullptr;
            std::size_t size = 0;
            la_int64_t offset = 0;
            const int answer = archive_read_data_block(reader, &data, &size, &offset);
            if (answer == ARCHIVE_EOF) return;
            if (answer != ARCHIVE_OK || offset != expected) refuse(reader);
            expected += static_cast<la_int64_t>(size);
            sink({static_cast<const char*>(data), size});
        }
    }

    std::string path_;
    UniqueFd file_;
};

}  // namespace

std::unique_ptr<LayoutFiles> open_layout_directory(const std::string& path) {
    return std::make_unique<DirectoryFiles>(path);
}

std::unique_ptr<LayoutFiles> open_layout_archive(const std::string& path) {
    return std::make_unique<ArchiveFiles>(path);
}

}  // namespace overdrive
