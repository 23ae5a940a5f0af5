#include "builder-images/artifact/layer_writer.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <map>
#include <memory>

#include "builder-images/artifact/zstd_frames.hpp"
#include "support/error.hpp"
#include "support/release_with.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

using ArchiveWriter = std::unique_ptr<archive, ReleaseWith<archive_write_free>>;
using ArchiveEntry = std::unique_ptr<archive_entry, ReleaseWith<archive_entry_free>>;
using Bytes = std::function<void(std::string_view)>;

/// A tar stream: libarchive hands its blocks to `out`. Its address goes to libarchive, so it does not move.
class TarStream {
public:
    explicit TarStream(Bytes out) : out_{std::move(out)}, archive_{archive_write_new()} {
        if (!archive_) throw std::bad_alloc{};
        // pax only where ustar cannot say it: long names and links.
        check(archive_write_set_format_pax_restricted(archive_.get()), "choose the tar format");
        check(archive_write_add_filter_none(archive_.get()), "write uncompressed");
        check(archive_write_set_bytes_per_block(archive_.get(), kBlockBytes), "set the block size");
        check(archive_write_set_bytes_in_last_block(archive_.get(), 1), "set the block size");
        check(archive_write_open2(archive_.get(), this, nullptr, take_block, nullptr, nullptr), "begin the layer");
    }
    TarStream(const TarStream&) = delete;
    TarStream& operator=(const TarStream&) = delete;
    ~TarStream() = default;

    void header(const TreeEntry& entry, const std::string& path) {
        const ArchiveEntry header{archive_entry_new()};
        if (!header) throw std::bad_alloc{};
        archive_entry_set_pathname(header.get(), path.c_str());
        archive_entry_set_mtime(header.get(), 0, 0);
        archive_entry_set_uid(header.get(), 0);
        archive_entry_set_gid(header.get(), 0);
        archive_entry_set_perm(header.get(), static_cast<mode_t>(entry.mode));
        switch (entry.kind) {
            case TreeEntry::Kind::directory:
                archive_entry_set_filetype(header.get(), AE_IFDIR);
                break;
            case TreeEntry::Kind::link:
                archive_entry_set_filetype(header.get(), AE_IFLNK);
                archive_entry_set_symlink(header.get(), entry.link_target.c_str());
                break;
            case TreeEntry::Kind::file:
                archive_entry_set_filetype(header.get(), AE_IFREG);
                archive_entry_set_size(header.get(), static_cast<la_int64_t>(entry.size));
                break;
        }
        check(archive_write_header(archive_.get(), header.get()), fmt::format("write the header of '{}'", path));
    }

    void data(std::string_view bytes) {
        while (!bytes.empty()) {
            const la_ssize_t taken = archive_write_data(archive_.get(), bytes.data(), bytes.size());
            // Fewer bytes than given: the file has grown beyond its header. Nothing taken would loop for ever.
            if (taken <= 0) check(ARCHIVE_FATAL, "write a file's bytes");
            bytes.remove_prefix(static_cast<std::size_t>(taken));
        }
    }

    void finish() { check(archive_write_close(archive_.get()), "end the layer"); }

private:
    static constexpr int kBlockBytes = 1 << 20;

    static la_ssize_t take_block(archive* /*unused*/, void* self, const void* bytes, std::size_t size) noexcept {
        auto* const stream = static_cast<TarStream*>(self);
        if (stream->failure_) return -1;
        try {
            stream->out_({static_cast<const char*>(bytes), size});
        } catch (...) {  // carried over libarchive's frames, rethrown by check
            stream->failure_ = std::current_exception();
            return -1;
        }
        return static_cast<la_ssize_t>(size);
    }

    void check(int result, std::string_view what) {
        if (failure_) std::rethrow_exception(failure_);
        if (result == ARCHIVE_OK) return;
        const char* text = archive_error_string(archive_.get());
        throw Error{Errc::bad_archive, fmt::format("cannot {}: {}", what, text == nullptr ? "no reason given" : text)};
    }

    Bytes out_;
    std::exception_ptr failure_;
    ArchiveWriter archive_;  // last: freed first, while the callback's data is still there
};

/// All members of a layer, sorted, with the directories of the prefix.
std::map<std::string, TreeEntry> members_of(const LayerContent& content) {
    std::map<std::string, TreeEntry> members;
    const TreeEntry directory{"", TreeEntry::Kind::directory, 0755, 0, "", ""};
    members[content.prefix] = directory;
    for (const TreeEntry& entry : content.entries) members[content.prefix + "/" + entry.path] = entry;
    for (const Document& document : content.documents) {
        members[content.prefix + "/" + document.path] = {
            document.path, TreeEntry::Kind::file, 0644, document.content.size(), "", ""};
    }
    return members;
}

void write_file(TarStream& tar, const LayerContent& content, const TreeEntry& entry) {
    const auto document = std::find_if(content.documents.begin(), content.documents.end(),
                                       [&](const Document& each) { return each.path == entry.path; });
    if (document != content.documents.end()) {
        tar.data(document->content);
        return;
    }
    Sha256 hash;
    std::uint64_t size = 0;
    const auto changed = [&] {
        return Error{Errc::bad_archive,
                     fmt::format("'{}' changed while it was packed", content.tree->host_path(entry.path))};
    };
    read_pieces(*content.tree, entry.path, [&](std::string_view piece) {
        size += piece.size();
        if (size > entry.size) throw changed();
        hash.update(piece);
        tar.data(piece);
    });
    if (size != entry.size || hash.finish() != entry.sha256) throw changed();
}

}  // namespace

LayerSummary write_layer(const LayerContent& content, int zstd_level, const Bytes& sink) {
    Sha256 hash;
    std::uint64_t tar_bytes = 0;
    ZstdFrames zstd{zstd_level, sink};
    TarStream tar{[&](std::string_view bytes) {
        hash.update(bytes);
        tar_bytes += bytes.size();
        zstd.write(bytes);
    }};
    for (const auto& [path, entry] : members_of(content)) {
        tar.header(entry, path);
        if (entry.kind == TreeEntry::Kind::file) write_file(tar, content, entry);
    }
    tar.finish();
    zstd.finish();
    return {Digest::from_hex(hash.finish()), tar_bytes};
}

}  // namespace overdrive
