#include "archive/byte_queue.hpp"

#include <algorithm>
#include <cstring>

namespace overdrive {

ByteQueue::ByteQueue(std::size_t buffers, std::size_t buffer_bytes)
    : buffer_bytes_{buffer_bytes},
      memory_{std::make_unique_for_overwrite<char[]>(buffers * buffer_bytes)} {  // NOLINT(*-avoid-c-arrays)
    free_.reserve(buffers);
    filled_.reserve(buffers);
    for (std::size_t i = 0; i < buffers; ++i) free_.push_back(buffers - 1 - i);
}

std::span<char> ByteQueue::room() {
    if (!filling_) {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return closed_ || !free_.empty(); });
        // A discarding queue lends out the buffers that nobody will read.
        if (closed_ == AfterClose::stop || free_.empty()) throw QueueClosed{};
        filling_ = free_.back();
        free_.pop_back();
        fill_ = 0;
    }
    return {memory_.get() + *filling_ * buffer_bytes_, buffer_bytes_};
}

void ByteQueue::put(std::size_t bytes) {
    fill_ = bytes;
    hand_over();
}

void ByteQueue::hand_over() {
    if (!filling_) return;
    {
        const std::lock_guard lock{mutex_};
        if (closed_ || fill_ == 0)
            free_.push_back(*filling_);
        else
            filled_.push_back({*filling_, fill_});
    }
    filling_.reset();
    fill_ = 0;
    changed_.notify_all();
}

void ByteQueue::append(std::string_view bytes) {
    {
        const std::lock_guard lock{mutex_};
        if (closed_ == AfterClose::stop) throw QueueClosed{};
        if (closed_ == AfterClose::discard) return;
    }
    while (!bytes.empty()) {
        const std::span<char> whole = room();
        const std::size_t part = std::min(bytes.size(), whole.size() - fill_);
        std::memcpy(whole.data() + fill_, bytes.data(), part);
        fill_ += part;
        bytes.remove_prefix(part);
        if (fill_ == whole.size()) hand_over();
    }
}

void ByteQueue::end(bool complete) {
    if (complete) hand_over();
    {
        const std::lock_guard lock{mutex_};
        ended_ = true;
        complete_ = complete;
    }
    changed_.notify_all();
}

std::string_view ByteQueue::next() {
    std::unique_lock lock{mutex_};
    if (reading_) {
        free_.push_back(*reading_);
        reading_.reset();
        changed_.notify_all();
    }
    changed_.wait(lock, [&] { return closed_ || ended_ || !filled_.empty(); });
    if (closed_ || filled_.empty()) return {};
    const Filled filled = filled_.front();
    filled_.erase(filled_.begin());
    reading_ = filled.buffer;
    return {memory_.get() + filled.buffer * buffer_bytes_, filled.bytes};
}

bool ByteQueue::complete() const {
    const std::lock_guard lock{mutex_};
    return complete_ && !closed_;
}

void ByteQueue::close(AfterClose after) {
    {
        const std::lock_guard lock{mutex_};
        if (closed_ && *closed_ == AfterClose::stop) return;
        closed_ = after;
        for (const Filled& filled : filled_) free_.push_back(filled.buffer);
        filled_.clear();
    }
    changed_.notify_all();
}

}  // namespace overdrive
