#include "builder-images/artifact/delta/delta_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "archive/delta_reader.hpp"
#include "archive/slice_reader.hpp"
#include "builder-images/artifact/delta/delta_plan.hpp"
#include "builder-images/artifact/source_tree.hpp"
#include "builder-images/artifact/zstd_checked.hpp"
#include "model/same_files.hpp"
#include "support/error.hpp"
#include "support/release_with.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr const char* kFramesFile = "frames";  ///< they come after the table, which is not known before them

SliceReader slices_of(const Root& tree) { return SliceReader{tree.open("/", O_PATH | O_DIRECTORY)}; }

/// The smallest window that reaches from the end of a piece to the beginning of its slice.
int window_log(std::uint64_t bytes) {
    int log = 10;
    while ((std::uint64_t{1} << static_cast<unsigned>(log)) < bytes) ++log;
    return log;
}

/// Makes the frames of files, one piece at a time.
class FrameWriter {
public:
    FrameWriter(const UserSpaceTree& from, const UserSpaceTree& to, int level, UniqueFd out)
        : old_{slices_of(from.files)},
          new_{slices_of(to.files)},
          out_{std::move(out)},
          frame_(ZSTD_compressBound(DeltaTable::kMostPieceBytes)),
          context_{ZSTD_createCCtx()} {
        if (!context_) throw std::bad_alloc{};
        zstd_checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level));
        zstd_checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_enableLongDistanceMatching, 1));
    }

    DeltaFile write(const FileSpec& spec, const FileSpec* like) {
        DeltaFile file{.path = spec.path,
                       .old_path = like == nullptr ? "" : like->path,
                       .pieces = plan_pieces(spec.size, like == nullptr ? 0 : like->size)};
        std::uint64_t at = 0;
        for (DeltaPiece& piece : file.pieces) {
            write(file, at, piece);
            at += piece.bytes;
        }
        return file;
    }

private:
    void write(const DeltaFile& file, std::uint64_t at, DeltaPiece& piece) {
        piece_.resize(piece.bytes);
        new_.read(file.path, at, piece_);
        slice_.resize(piece.slice_bytes);
        const int window = window_log(piece.bytes + piece.slice_bytes);
        zstd_checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_windowLog, window));
        if (!slice_.empty()) {
            old_.read(file.old_path, piece.slice_offset, slice_);
            zstd_checked(ZSTD_CCtx_refPrefix(context_.get(), slice_.data(), slice_.size()));
        }
        piece.frame_bytes =
            zstd_checked(ZSTD_compress2(context_.get(), frame_.data(), frame_.size(), piece_.data(), piece_.size()));
        write_all(out_.get(), {frame_.data(), piece.frame_bytes}, kFramesFile);
    }

    SliceReader old_;
    SliceReader new_;
    UniqueFd out_;
    std::vector<char> piece_, slice_, frame_;
    std::unique_ptr<ZSTD_CCtx, ReleaseWith<ZSTD_freeCCtx>> context_;
};

std::string header_of(const std::string& table) {
    std::string header{kDeltaMagic};
    for (unsigned shift = 0; shift < 32; shift += 8) header += static_cast<char>((table.size() >> shift) & 0xFFU);
    return header;
}

UniqueFd make_file(const Root& work, const char* name) {
    return work.open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
}

}  // namespace

DeltaSummary write_delta(const UserSpaceTree& from, const UserSpaceTree& to, int zstd_level, const Root& work) {
    DeltaSummary summary{.table = {.from = from.layer, .to = to.layer}};
    {
        FrameWriter frames{from, to, zstd_level, make_file(work, kFramesFile)};
        const SameFiles old_files{from.manifest};
        for (const FileSpec& spec : to.manifest.files) {
            if (spec.layer != LayerRole::user_space || spec.is_link()) continue;
            if (old_files.find(spec) != nullptr) {
                summary.same.add(spec);
                continue;
            }
            const FileSpec* like = find_old_file(spec, from.manifest);
            (like == nullptr ? summary.whole : summary.patched).add(spec);
            summary.table.files.push_back(frames.write(spec, like));
        }
    }
    const std::string table = summary.table.to_json();
    static_cast<void>(DeltaTable::parse(table));  // what nodes would refuse is not made
    const UniqueFd delta = make_file(work, kDeltaFile);
    write_all(delta.get(), header_of(table) + table, kDeltaFile);
    read_pieces(work, kFramesFile, [&](std::string_view bytes) { write_all(delta.get(), bytes, kDeltaFile); });
    work.remove(kFramesFile);
    return summary;
}

std::uint64_t delta_bytes(const Root& work) {
    const auto status = work.status(kDeltaFile);
    if (!status) throw std::logic_error{"write_delta comes first"};
    return static_cast<std::uint64_t>(status->st_size);
}

void check_delta(const UserSpaceTree& from, const UserSpaceTree& to, const Root& work) {
    const std::uint64_t bytes = delta_bytes(work);
    SliceReader delta = slices_of(work);
    SliceReader old = slices_of(from.files);
    std::vector<char> buffer(256U << 10U);
    std::uint64_t at = 0;
    const auto pull = [&] {
        const std::span<char> some = std::span{buffer}.first(std::min<std::uint64_t>(buffer.size(), bytes - at));
        delta.read(kDeltaFile, at, some);
        at += some.size();
        return std::string_view{some.data(), some.size()};
    };
    DeltaReader reader{
        pull, [&](const std::string& path, std::uint64_t offset, std::span<char> out) { old.read(path, offset, out); }};
    const DeltaTable table = reader.read_table();
    for (const DeltaFile& file : table.files) {
        Sha256 hash;
        for (const DeltaPiece& piece : file.pieces) hash.update(reader.read_piece(file, piece));
        const std::string got = hash.finish();
        const auto spec = std::find_if(to.manifest.files.begin(), to.manifest.files.end(),
                                       [&](const FileSpec& listed) { return listed.path == file.path; });
        if (spec == to.manifest.files.end() || spec->sha256 != got)
            throw Error{Errc::digest_mismatch, fmt::format("the delta does not make the right '{}'", file.path)};
    }
    reader.finish();
}

}  // namespace overdrive
