#include "archive/text_archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <memory>
#include <new>

#include "support/error.hpp"
#include "support/release_with.hpp"

namespace overdrive {

namespace {

using ArchiveWriter = std::unique_ptr<archive, ReleaseWith<archive_write_free>>;
using ArchiveEntry = std::unique_ptr<archive_entry, ReleaseWith<archive_entry_free>>;

void require_ok(archive* writer, int result, std::string_view what) {
    if (result == ARCHIVE_OK) return;
    const char* const why = archive_error_string(writer);
    throw Error{Errc::io, fmt::format("{}: {}", what, why != nullptr ? why : "libarchive refuses")};
}

la_ssize_t append(archive* /*writer*/, void* text, const void* data, std::size_t size) noexcept {
    try {
        static_cast<std::string*>(text)->append(static_cast<const char*>(data), size);
        return static_cast<la_ssize_t>(size);
    } catch (const std::bad_alloc&) {
        return -1;
    }
}

}  // namespace

std::string make_text_archive(const std::string& top, const std::vector<TextFile>& files, std::chrono::seconds at) {
    std::string out;
    const ArchiveWriter writer{archive_write_new()};
    if (!writer) throw std::bad_alloc{};
    require_ok(writer.get(), archive_write_set_format_pax_restricted(writer.get()), "make a tar");
    require_ok(writer.get(), archive_write_add_filter_gzip(writer.get()), "compress a tar");
    require_ok(writer.get(), archive_write_open(writer.get(), &out, nullptr, append, nullptr), "begin a tar");
    for (const TextFile& file : files) {
        const ArchiveEntry entry{archive_entry_new()};
        if (!entry) throw std::bad_alloc{};
        archive_entry_set_pathname(entry.get(), fmt::format("{}/{}", top, file.path).c_str());
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), 0600);
        archive_entry_set_mtime(entry.get(), at.count(), 0);
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(file.content.size()));
        require_ok(writer.get(), archive_write_header(writer.get(), entry.get()), file.path);
        const la_ssize_t wrote = archive_write_data(writer.get(), file.content.data(), file.content.size());
        if (wrote < 0 || static_cast<std::size_t>(wrote) != file.content.size())
            require_ok(writer.get(), ARCHIVE_FATAL, file.path);
    }
    require_ok(writer.get(), archive_write_close(writer.get()), "end a tar");
    return out;
}

}  // namespace overdrive
