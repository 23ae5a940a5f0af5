#include "archive/delta_reader.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <new>

#include "support/error.hpp"

namespace overdrive {

void DeltaReader::FreeContext::operator()(ZSTD_DCtx_s* context) const noexcept {
    static_cast<void>(ZSTD_freeDCtx(context));
}

DeltaReader::DeltaReader(Pull pull, ReadOld read_old)
    : pull_{std::move(pull)}, read_old_{std::move(read_old)}, context_{ZSTD_createDCtx()} {
    if (!context_) throw std::bad_alloc{};
}

DeltaReader::~DeltaReader() = default;

void DeltaReader::fill(std::span<char> out, std::string_view what) {
    while (!out.empty()) {
        if (rest_.empty()) rest_ = pull_();
        if (rest_.empty()) throw Error{Errc::bad_archive, fmt::format("the delta ends within {}", what)};
        const std::size_t bytes = std::min(out.size(), rest_.size());
        std::copy_n(rest_.begin(), bytes, out.begin());
        out = out.subspan(bytes);
        rest_.remove_prefix(bytes);
    }
}

DeltaTable DeltaReader::read_table() {
    std::array<char, kDeltaMagic.size()> magic{};
    fill(magic, "its first bytes");
    if (std::string_view{magic.data(), magic.size()} != kDeltaMagic)
        throw Error{Errc::bad_archive, "it does not begin as a delta of version 1 does"};
    std::array<char, 4> length{};
    fill(length, "the length of its table");
    std::uint32_t bytes = 0;
    for (std::size_t i = 0; i < length.size(); ++i)
        bytes |= std::uint32_t{static_cast<unsigned char>(length[i])} << (8 * i);
    if (bytes > DeltaTable::kMostTableBytes)
        throw Error{Errc::bad_archive, fmt::format("the delta announces a table of {} bytes, more than the {} that "
                                                   "are allowed",
                                                   bytes, DeltaTable::kMostTableBytes)};
    std::string table(bytes, '\0');
    fill(table, "its table");
    return DeltaTable::parse(table);
}

std::string_view DeltaReader::read_piece(const DeltaFile& file, const DeltaPiece& piece) {
    const auto refuse = [&](std::string_view why) {
        return Error{Errc::bad_archive, fmt::format("a piece of '{}' {}", file.path, why)};
    };
    frame_.resize(piece.frame_bytes);
    fill(frame_, fmt::format("a piece of '{}'", file.path));
    if (ZSTD_findFrameCompressedSize(frame_.data(), frame_.size()) != frame_.size())
        throw refuse("is not exactly one zstd frame");
    slice_.resize(piece.slice_bytes);
    if (!slice_.empty()) {
        read_old_(file.old_path, piece.slice_offset, slice_);
        if (ZSTD_isError(ZSTD_DCtx_refPrefix(context_.get(), slice_.data(), slice_.size())) != 0)
            throw std::bad_alloc{};
    }
    piece_.resize(piece.bytes);
    const std::size_t got =
        ZSTD_decompressDCtx(context_.get(), piece_.data(), piece_.size(), frame_.data(), frame_.size());
    if (ZSTD_isError(got) != 0) throw refuse(fmt::format("cannot be decoded: zstd: {}", ZSTD_getErrorName(got)));
    if (got != piece_.size()) throw refuse(fmt::format("has {} bytes instead of {}", got, piece_.size()));
    return {piece_.data(), piece_.size()};
}

void DeltaReader::finish() {
    if (rest_.empty()) rest_ = pull_();
    if (!rest_.empty()) throw Error{Errc::bad_archive, "bytes follow after the last piece of the delta"};
}

}  // namespace overdrive
