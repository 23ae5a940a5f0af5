#include "builder-images/artifact/transfer/tar_writer.hpp"

#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <new>

#include "support/error.hpp"

namespace overdrive {

namespace {

using ArchiveEntry = std::unique_ptr<archive_entry, ReleaseWith<archive_entry_free>>;

std::string directory_of(const std::string& path) {
    const std::filesystem::path whole{path};
    return whole.has_parent_path() ? whole.parent_path().string() : ".";
}

}  // namespace

TarWriter::TarWriter(const std::string& path)
    : path_{path},
      name_{std::filesystem::path{path}.filename().string()},
      beside_{fmt::format(".{}.incoming-{}", name_, ::getpid())},
      directory_{directory_of(path)},
      writer_{archive_write_new()} {
    if (directory_.link_status(name_)) {
        throw Error{Errc::usage, fmt::format("'{}' is there already; a tar file is written as a whole", path)}
            .with_remedy("name a new file, or collect images in an oci:DIRECTORY and copy that");
    }
    file_ = directory_.open(beside_, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (!writer_) throw std::bad_alloc{};
    // ustar, and pax where a member has 8 GiB and more.
    if (archive_write_set_format_pax_restricted(writer_.get()) != ARCHIVE_OK) fail("begin");
    if (archive_write_open_fd(writer_.get(), file_.get()) != ARCHIVE_OK) fail("begin");
}

TarWriter::~TarWriter() {
    try {
        if (!beside_.empty()) directory_.remove(beside_);
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): a leftover has not the name of the archive
    }
}

void TarWriter::fail(std::string_view doing) const {
    const int saved_errno = archive_errno(writer_.get());
    throw Error::from_errno(Errc::io, saved_errno > 0 ? saved_errno : EIO, fmt::format("{} '{}'", doing, path_));
}

void TarWriter::add(const std::string& member, std::uint64_t size, const std::function<void(const Sink&)>& produce) {
    const ArchiveEntry entry{archive_entry_new()};
    if (!entry) throw std::bad_alloc{};
    archive_entry_set_pathname(entry.get(), member.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), 0, 0);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
    if (archive_write_header(writer_.get(), entry.get()) != ARCHIVE_OK) fail("write to");
    std::uint64_t written = 0;
    produce([&](std::string_view bytes) {
        written += bytes.size();
        if (written > size) throw Error{Errc::truncated, fmt::format("'{}' is longer than announced", member)};
        if (archive_write_data(writer_.get(), bytes.data(), bytes.size()) != static_cast<la_ssize_t>(bytes.size()))
            fail("write to");
    });
    if (written != size) throw Error{Errc::truncated, fmt::format("'{}' has {} of {} bytes", member, written, size)};
}

void TarWriter::add(const std::string& member, std::string_view content) {
    add(member, content.size(), [&](const Sink& sink) { sink(content); });
}

void TarWriter::publish() {
    if (archive_write_close(writer_.get()) != ARCHIVE_OK) fail("end");
    if (::fsync(file_.get()) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::io, saved_errno, fmt::format("sync '{}'", path_));
    }
    directory_.rename(beside_, name_, false);
    beside_.clear();
    directory_.sync_directory(".");
}

}  // namespace overdrive
