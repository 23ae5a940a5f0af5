#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string_view>

#include "archive/decompressor.hpp"

namespace overdrive {

/// A layer's bytes without their compression, made by threads of its own while the caller is busy with those before.
class DecodeAhead {
public:
    /// Gives the compressed bytes; called from those threads, by one at a time. What it throws ends the decoding.
    using Pull = Decompressor::Pull;
    /// Told once, from one of those threads, what ended the decoding; not of a QueueClosed.
    using Fail = std::function<void(std::exception_ptr)>;

    DecodeAhead() = default;
    DecodeAhead(const DecodeAhead&) = delete;
    DecodeAhead& operator=(const DecodeAhead&) = delete;
    /// Waits for the threads; one that waits in `Pull` must be woken by whoever feeds it.
    virtual ~DecodeAhead() = default;

    /// The next bytes, valid until the next call; empty at the end.
    [[nodiscard]] virtual std::string_view next() = 0;
    /// After next() gave the end: whether that was the end of the layer.
    [[nodiscard]] virtual bool complete() const = 0;
    /// From any thread: no more is wanted; next() gives the end from now on.
    virtual void close() = 0;
};

class ByteQueue;

/// Starts to decode in one thread. @param decode puts all bytes into the queue; may throw
[[nodiscard]] std::unique_ptr<DecodeAhead> decode_in_thread(std::function<void(ByteQueue& decoded)> decode,
                                                            DecodeAhead::Fail fail);

/// Starts to decode a layer.
/// @param media_type of the layer: `...+zstd`, `...+gzip`, `....tar.gzip`
/// @throws Error bad_archive when it is none of these
[[nodiscard]] std::unique_ptr<DecodeAhead> decode_ahead(std::string_view media_type, DecodeAhead::Pull pull,
                                                        DecodeAhead::Fail fail);

}  // namespace overdrive
