#pragma once

#include <memory>

#include "archive/decode_ahead.hpp"

namespace overdrive {

/// Undoes zstd: frames that our packer makes (2 MiB each, unpacked) side by side on up to three threads, any other
/// frame as a stream. Windows of a stream may have 16 MiB; more than 1024 frames that hold nothing are refused.
/// Memory: a buffer of a frame for each thread and one more.
/// @throws Error bad_archive, to `fail`: malformed, cut short, or bytes after the end
[[nodiscard]] std::unique_ptr<DecodeAhead> make_zstd_ahead(DecodeAhead::Pull pull, DecodeAhead::Fail fail);

}  // namespace overdrive
