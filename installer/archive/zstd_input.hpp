#pragma once

#include <string>
#include <string_view>

#include "archive/decompressor.hpp"

namespace overdrive {

/// A stream of zstd frames, cut into frames without decompressing them.
class ZstdInput {
public:
    /// The largest frame, unpacked, that is decompressed at once.
    static constexpr std::size_t kMostFrame = 4U << 20U;

    enum class Found {
        end,    ///< of the stream
        frame,  ///< a whole frame that says it holds at most kMostFrame bytes, and some
        begun   ///< the first bytes of any other frame; the rest is to be read by some() and skip()
    };

    explicit ZstdInput(Decompressor::Pull pull) : pull_{std::move(pull)} {}

    /// Reads on, into `frame`. @throws Error bad_archive: cut short, or blocks that cannot be
    /// @see RFC 8878, 3.1.1 "Zstandard Frames"
    [[nodiscard]] Found read_frame(std::string& frame);

    /// The next bytes, at least one. @throws Error bad_archive at the end of the stream
    [[nodiscard]] std::string_view some();
    /// Of what some() gave, `bytes` were taken.
    void skip(std::size_t bytes) { rest_.remove_prefix(bytes); }

private:
    bool pull();
    void gather(std::string& frame, std::size_t bytes);

    Decompressor::Pull pull_;
    std::string_view rest_;
    bool any_ = false;  ///< bytes have come
};

}  // namespace overdrive
