#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "archive/tar_framing.hpp"
#include "archive/tree_writer.hpp"
#include "archive/unpack.hpp"
#include "support/release_with.hpp"

namespace overdrive {

/// Reads an uncompressed tar stream and writes what the rules allow. The object's address goes to libarchive: it cannot
/// move.
class LayerReader {
public:
    /// Gives the next bytes of the stream, valid until the next call; empty at the end.
    using Pull = std::function<std::string_view()>;

    LayerReader(Pull pull, int staging, const UnpackRules& rules);
    LayerReader(const LayerReader&) = delete;
    LayerReader& operator=(const LayerReader&) = delete;
    ~LayerReader() = default;

    /// Reads to the end of the stream. @throws Error as unpack_layer
    void run();
    [[nodiscard]] std::vector<UnpackedFile> take_written() { return std::move(written_); }

private:
    static la_ssize_t on_read(archive* reader, void* self, const void** data) noexcept;
    std::string_view pull_counted();
    void take_member(archive_entry* entry);
    void take_directory(const std::string& path);
    void take_file(archive_entry* entry, const std::string& path);
    void take_link(archive_entry* entry, const std::string& path);
    void copy_content(const std::string& path, std::uint64_t size);
    void require_agreement(archive_entry* entry, std::string_view name);
    void require_one_spelling(const std::string& path);
    void require(int answer);
    [[nodiscard]] const FileSpec* expected_at(const std::string& path, bool is_link) const;
    void check_size(const std::string& path, std::uint64_t size, const FileSpec* spec);

    Pull pull_;
    const UnpackRules& rules_;
    TreeWriter writer_;
    std::unique_ptr<archive, ReleaseWith<archive_read_free>> reader_;
    std::exception_ptr failure_;
    TarFraming framing_;        ///< the same stream, read by ourselves
    std::uint64_t pulled_ = 0;  ///< bytes of the stream
    std::uint64_t content_bytes_ = 0;
    std::uint64_t members_ = 0;
    std::unordered_set<std::string> seen_;
    std::unordered_map<std::string, std::string>
        spellings_;  ///< lower case -> as it came, of every path and its parents
    std::vector<UnpackedFile> written_;
};

}  // namespace overdrive
