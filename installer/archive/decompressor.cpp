#include "archive/decompressor.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <new>

#include "archive/gzip_decompressor.hpp"
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

}  // namespace

std::unique_ptr<Decompressor> make_decompressor(std::string_view media_type, Decompressor::Pull pull) {
    if (media_type.ends_with("+zstd")) return std::make_unique<ZstdDecompressor>(std::move(pull));
    if (media_type.ends_with("+gzip") || media_type.ends_with(".tar.gzip")) {
        return make_gzip_decompressor(std::move(pull));
    }
    throw Error{Errc::bad_archive,
                fmt::format("media type '{}' is neither tar+zstd nor tar+gzip", media_type.substr(0, 100))};
}

}  // namespace overdrive
