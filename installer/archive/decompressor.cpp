#include "archive/decompressor.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

#include "support/error.hpp"
#include "support/release_with.hpp"

namespace overdrive {

namespace {

/// A stream of a million frames that hold nothing costs time and gives no bytes that a limit could count.
constexpr int kMostEmptyFrames = 1024;
/// The largest window that a zstd frame may ask for: 16 MiB, so that memory stays bounded (zstd -19 needs 8).
constexpr int kMostWindowLog = 24;

class ZstdDecompressor final : public Decompressor {
public:
    explicit ZstdDecompressor(Pull pull) : pull_{std::move(pull)}, context_{ZSTD_createDCtx()} {
        if (!context_) throw std::bad_alloc{};
        check(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMostWindowLog));
    }

    std::size_t read(std::span<char> out) override {
        ZSTD_outBuffer output{out.data(), out.size(), 0};
        while (output.pos == 0) {
            if (input_.pos == input_.size && !(in_frame_ && was_full_)) {
                const std::string_view more = pull_();
                if (more.empty()) {
                    if (in_frame_ || !any_)
                        throw Error{Errc::bad_archive, "zstd: the stream ends in the middle of a frame"};
                    return 0;
                }
                input_ = {more.data(), more.size(), 0};
                any_ = true;
            }
            // Bytes after a frame must be another frame; zstd refuses anything else.
            in_frame_ = check(ZSTD_decompressStream(context_.get(), &output, &input_)) != 0;
            was_full_ = output.pos == output.size;
            gave_ = gave_ || output.pos != 0;
            if (!in_frame_) end_frame();
        }
        return output.pos;
    }

private:
    void end_frame() {
        if (!gave_ && ++empty_frames_ > kMostEmptyFrames)
            throw Error{Errc::bad_archive, "zstd: the stream has too many frames that hold nothing"};
        gave_ = false;
    }

    static std::size_t check(std::size_t answer) {
        if (ZSTD_isError(answer) != 0) {
            throw Error{Errc::bad_archive, fmt::format("zstd: {}", ZSTD_getErrorName(answer))};
        }
        return answer;
    }

    Pull pull_;
    std::unique_ptr<ZSTD_DCtx, ReleaseWith<ZSTD_freeDCtx>> context_;
    ZSTD_inBuffer input_{nullptr, 0, 0};
    bool in_frame_ = false;
    bool was_full_ = false;  ///< more output may wait inside
    bool any_ = false;
    bool gave_ = false;  ///< this frame gave bytes
    int empty_frames_ = 0;
};

/// gzip through libarchive, with the format that is one member of any content.
class GzipDecompressor final : public Decompressor {
public:
    explicit GzipDecompressor(Pull pull) : pull_{std::move(pull)}, reader_{archive_read_new()} {
        if (!reader_) throw std::bad_alloc{};
        archive_read_support_filter_gzip(reader_.get());
        archive_read_support_format_raw(reader_.get());
    }

    std::size_t read(std::span<char> out) override {
        if (!open_) open();
        while (pending_.empty()) {
            if (!next_block()) return 0;
        }
        const std::size_t part = std::min(pending_.size(), out.size());
        std::memcpy(out.data(), pending_.data(), part);
        pending_.remove_prefix(part);
        return part;
    }

private:
    static la_ssize_t on_read(archive* /*reader*/, void* self, const void** data) noexcept {
        auto& me = *static_cast<GzipDecompressor*>(self);
        try {
            const std::string_view bytes = me.pull_();
            *data = bytes.data();
            me.pulled_ += bytes.size();
            return static_cast<la_ssize_t>(bytes.size());
        } catch (...) {
            me.failure_ = std::current_exception();
            return ARCHIVE_FATAL;
        }
    }

    void open() {
        open_ = true;
        require(archive_read_open(reader_.get(), this, nullptr, &on_read, nullptr));
        archive_entry* entry = nullptr;
        require(archive_read_next_header(reader_.get(), &entry));
        // Without the filter libarchive would pass the bytes on as they are, and it would undo gzip within gzip.
        constexpr int kGzipAndSource = 2;
        if (archive_filter_count(reader_.get()) != kGzipAndSource ||
            archive_filter_code(reader_.get(), 0) != ARCHIVE_FILTER_GZIP) {
            throw Error{Errc::bad_archive, "gzip: the layer is not compressed with gzip exactly once"};
        }
    }

    bool next_block() {
        const void* data = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int answer = archive_read_data_block(reader_.get(), &data, &size, &offset);
        if (answer == ARCHIVE_EOF) {
            refuse_more();
            return false;
        }
        require(answer);
        pending_ = {static_cast<const char*>(data), size};
        return true;
    }

    /// libarchive stops quietly at what is no further gzip member.
    void refuse_more() {
        const auto used = static_cast<std::uint64_t>(archive_filter_bytes(reader_.get(), -1));
        if (used < pulled_ || !pull_().empty())
            throw Error{Errc::bad_archive, "gzip: bytes after the end of the stream"};
    }

    void require(int answer) {
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
        if (answer == ARCHIVE_OK) return;
        const char* words = archive_error_string(reader_.get());
        throw Error{Errc::bad_archive, fmt::format("gzip: {}", words == nullptr ? "malformed" : words)};
    }

    Pull pull_;
    std::unique_ptr<archive, ReleaseWith<archive_read_free>> reader_;
    std::exception_ptr failure_;
    std::string_view pending_;
    std::uint64_t pulled_ = 0;
    bool open_ = false;
};

}  // namespace

std::unique_ptr<Decompressor> make_decompressor(std::string_view media_type, Decompressor::Pull pull) {
    if (media_type.ends_with("+zstd")) return std::make_unique<ZstdDecompressor>(std::move(pull));
    if (media_type.ends_with("+gzip") || media_type.ends_with(".tar.gzip")) {
        return std::make_unique<GzipDecompressor>(std::move(pull));
    }
    throw Error{Errc::bad_archive,
                fmt::format("media type '{}' is neither tar+zstd nor tar+gzip", media_type.substr(0, 100))};
}

}  // namespace overdrive
