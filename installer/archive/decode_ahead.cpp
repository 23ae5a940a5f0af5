#include "archive/decode_ahead.hpp"

#include <fmt/format.h>

#include <thread>

#include "archive/byte_queue.hpp"
#include "archive/gzip_decompressor.hpp"
#include "archive/zstd_ahead.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kBufferBytes = 256U << 10U;
constexpr std::size_t kBuffers = 32;  // 8 MiB

/// One stream, one thread.
class StreamAhead final : public DecodeAhead {
public:
    StreamAhead(std::function<void(ByteQueue& decoded)> decode, Fail fail)
        : decode_{std::move(decode)}, fail_{std::move(fail)}, thread_{[this] { run(); }} {}
    ~StreamAhead() override { queue_.close(ByteQueue::AfterClose::stop); }

    std::string_view next() override { return queue_.next(); }
    [[nodiscard]] bool complete() const override { return queue_.complete(); }
    void close() override { queue_.close(ByteQueue::AfterClose::stop); }

private:
    void run() noexcept {
        bool complete = false;
        try {
            decode_(queue_);
            complete = true;
        } catch (const QueueClosed&) {  // whoever closed it says why
        } catch (...) {
            fail_(std::current_exception());
        }
        queue_.end(complete);
    }

    std::function<void(ByteQueue& decoded)> decode_;
    Fail fail_;
    ByteQueue queue_{kBuffers, kBufferBytes};
    std::jthread thread_;  // last: it uses the others
};

}  // namespace

std::unique_ptr<DecodeAhead> decode_in_thread(std::function<void(ByteQueue& decoded)> decode, DecodeAhead::Fail fail) {
    return std::make_unique<StreamAhead>(std::move(decode), std::move(fail));
}

std::unique_ptr<DecodeAhead> decode_ahead(std::string_view media_type, DecodeAhead::Pull pull, DecodeAhead::Fail fail) {
    if (media_type.ends_with("+zstd")) return make_zstd_ahead(std::move(pull), std::move(fail));
    if (media_type.ends_with("+gzip") || media_type.ends_with(".tar.gzip")) {
        const std::shared_ptr<Decompressor> gzip = make_gzip_decompressor(std::move(pull));
        const auto decode = [gzip](ByteQueue& decoded) {
            while (const std::size_t bytes = gzip->read(decoded.room())) decoded.put(bytes);
        };
        return decode_in_thread(decode, std::move(fail));
    }
    throw Error{Errc::bad_archive,
                fmt::format("media type '{}' is neither tar+zstd nor tar+gzip", media_type.substr(0, 100))};
}

}  // namespace overdrive
