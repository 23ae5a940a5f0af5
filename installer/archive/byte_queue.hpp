#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace overdrive {

/// Thrown in a producer whose consumer wants no more; never leaves the pipeline.
struct QueueClosed {};

/// Carries bytes from one thread to another in a fixed number of reused buffers.
///
/// The producer blocks when all are full, the consumer when all are empty; either side can end it at any time and the
/// other wakes.
class ByteQueue {
public:
    /// What becomes of bytes that come after the consumer closed the queue.
    enum class AfterClose {
        stop,    ///< the producer gets QueueClosed
        discard  ///< the producer runs on to its end, so that it can still say whether the bytes were the right ones
    };

    ByteQueue(std::size_t buffers, std::size_t buffer_bytes);

    // The producer's side.

    /// Room for the next bytes: all of one buffer. @throws QueueClosed
    [[nodiscard]] std::span<char> room();
    /// Hands over the first `bytes` of what room() gave.
    void put(std::size_t bytes);
    /// Copies. Without bytes only looks whether the queue was closed. @throws QueueClosed
    void append(std::string_view bytes);
    /// No more bytes come. `complete` = all came; false wakes the consumer with an early end.
    void end(bool complete);

    // The consumer's side.

    /// The next bytes, valid until the next call; empty at the end.
    [[nodiscard]] std::string_view next();
    /// After next() gave the end: whether the producer got to its own end.
    [[nodiscard]] bool complete() const;
    /// From any thread: the consumer wants no more; next() gives the end from now on.
    void close(AfterClose after);

private:
    struct Filled {
        std::size_t buffer;
        std::size_t bytes;
    };
    void hand_over();

    const std::size_t buffer_bytes_;
    std::unique_ptr<char[]> memory_;  // NOLINT(*-avoid-c-arrays): one block, never resized, not zeroed

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::size_t> free_;
    std::vector<Filled> filled_;  ///< a ring would be no faster: at most a few dozen entries
    std::optional<AfterClose> closed_;
    bool ended_ = false;
    bool complete_ = false;

    std::optional<std::size_t> filling_;  ///< producer's own
    std::size_t fill_ = 0;
    std::optional<std::size_t> reading_;  ///< consumer's own
};

}  // namespace overdrive
