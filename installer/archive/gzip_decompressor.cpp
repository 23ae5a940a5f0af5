#include "archive/gzip_decompressor.hpp"

#include <fmt/format.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr int kMostEmptyMembers = 1024;
constexpr unsigned char kMagic = 0x1f;
/// What one call is given at most: the library counts in 32 bits.
constexpr std::size_t kMostPiece = 1U << 30U;

std::string_view words_of(int answer) {
    switch (answer) {
        case ISAL_INVALID_WRAPPER:
            return "it is no gzip stream";
        case ISAL_UNSUPPORTED_METHOD:
            return "it names a method other than deflate";
        case ISAL_INCORRECT_CHECKSUM:
            return "its checksum or length is not that of its content";
        default:
            return "malformed";
    }
}

class GzipDecompressor final : public Decompressor {
public:
    explicit GzipDecompressor(Pull pull) : pull_{std::move(pull)}, state_{std::make_unique<inflate_state>()} {
        isal_inflate_init(state_.get());
        state_->crc_flag = ISAL_GZIP;
    }

    std::size_t read(std::span<char> out) override {
        const std::size_t size = std::min(out.size(), kMostPiece);
        // The library's interface is in unsigned bytes.
        state_->next_out = reinterpret_cast<std::uint8_t*>(out.data());  // NOLINT(*-reinterpret-cast)
        state_->avail_out = static_cast<std::uint32_t>(size);
        while (state_->avail_out == size) {
            if (is_between_members() && !begin_member()) return 0;
            step();
        }
        return size - state_->avail_out;
    }

private:
    [[nodiscard]] bool is_between_members() const { return !begun_ || state_->block_state == ISAL_BLOCK_FINISH; }

    /// @return false at the end of the stream
    bool begin_member() {
        if (!fill()) {
            if (!begun_) throw Error{Errc::bad_archive, "gzip: the layer is empty"};
            return false;
        }
        if (!begun_) {
            begun_ = true;
            return true;
        }
        if (*state_->next_in != kMagic) throw Error{Errc::bad_archive, "gzip: bytes after the end of the stream"};
        if (state_->total_out == 0 && ++empty_members_ > kMostEmptyMembers)
            throw Error{Errc::bad_archive, "gzip: the stream has too many members that hold nothing"};
        isal_inflate_reset(state_.get());
        return true;
    }

    void step() {
        const std::uint32_t room = state_->avail_out;
        // What is inside may be more than there was room for: more input is wanted only when nothing came of that.
        const bool has_input = fill_if_asked();
        const int answer = isal_inflate(state_.get());
        if (answer < 0) throw Error{Errc::bad_archive, fmt::format("gzip: {}", words_of(answer))};
        if (state_->block_state == ISAL_BLOCK_FINISH) return;
        wants_input_ = state_->avail_in == 0;
        if (!has_input && state_->avail_out == room)
            throw Error{Errc::bad_archive, "gzip: the stream ends in the middle of a member"};
    }

    bool fill_if_asked() { return !wants_input_ || fill(); }

    /// Whether there are compressed bytes to be read.
    bool fill() {
        if (state_->avail_in != 0) return true;
        input_ = input_.empty() ? pull_() : input_;
        const std::string_view piece = input_.substr(0, kMostPiece);
        input_.remove_prefix(piece.size());
        // It does not write there; the interface of 2.30 has no const.
        state_->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(piece.data()));  // NOLINT(*-cast)
        state_->avail_in = static_cast<std::uint32_t>(piece.size());
        return !piece.empty();
    }

    Pull pull_;
    std::unique_ptr<inflate_state> state_;
    std::string_view input_;  ///< pulled, not given to the library yet
    bool begun_ = false;
    bool wants_input_ = true;
    int empty_members_ = 0;
};

}  // namespace

std::unique_ptr<Decompressor> make_gzip_decompressor(Decompressor::Pull pull) {
    return std::make_unique<GzipDecompressor>(std::move(pull));
}

}  // namespace overdrive
