#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/delta_table.hpp"

struct ZSTD_DCtx_s;

namespace overdrive {

/// First bytes of a delta; then four bytes, little endian: the length of the table. Then the table, then the frames of
/// all pieces in its order, and nothing else.
inline constexpr std::string_view kDeltaMagic{"ODDELTA\x01", 8};

/// Reads a delta from its first byte to its last: the table, then one piece after the other.
///
/// Holds one slice, one frame and one piece, each as large as DeltaTable allows at most: 16 MiB. A frame is decoded in
/// one call into room for its piece, so that no window that it may ask for takes any memory.
class DeltaReader {
public:
    /// Gives the next bytes of the delta, valid until the next call; empty at the end.
    using Pull = std::function<std::string_view()>;
    /// Fills `out` with bytes of a file of the old tree. Throws when it has fewer.
    using ReadOld = std::function<void(const std::string& path, std::uint64_t offset, std::span<char> out)>;

    DeltaReader(Pull pull, ReadOld read_old);
    DeltaReader(const DeltaReader&) = delete;
    DeltaReader& operator=(const DeltaReader&) = delete;
    ~DeltaReader();

    /// To be called first. @throws Error bad_archive: no delta, or cut short; bad_manifest as DeltaTable::parse
    [[nodiscard]] DeltaTable read_table();
    /// The bytes of the next piece, valid until the next call. The caller goes through the table in order.
    /// @throws Error bad_archive naming the file: cut short, no zstd frame, not exactly one, another size
    [[nodiscard]] std::string_view read_piece(const DeltaFile& file, const DeltaPiece& piece);
    /// @throws Error bad_archive when bytes follow
    void finish();

private:
    struct FreeContext {
        void operator()(ZSTD_DCtx_s* context) const noexcept;
    };
    void fill(std::span<char> out, std::string_view what);

    Pull pull_;
    ReadOld read_old_;
    std::string_view rest_;  ///< of what `pull_` gave
    std::unique_ptr<ZSTD_DCtx_s, FreeContext> context_;
    std::vector<char> slice_, frame_, piece_;
};

}  // namespace overdrive
