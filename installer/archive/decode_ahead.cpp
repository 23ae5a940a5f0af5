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
    StreamAhead(std::unique_ptr<Decompressor> decompressor, Fail fail)
        : decompressor_{std::move(decompressor)}, fail_{std::move(fail)}, thread_{[this] { decode(); }} {}
    ~StreamAhead() override { queue_.close(ByteQueue::AfterClose::stop); }

    std::string_view next() override { return queue_.next(); }
    [[nodiscard]] bool complete() const override { return queue_.complete(); }
    void close() override { queue_.close(ByteQueue::AfterClose::stop); }

private:
    void decode() noexcept {
        bool complete = false;
        try {
            while (const std::size_t bytes = decompressor_->read(queue_.room())) queue_.put(bytes);
            complete = true;
        } catch (const QueueClosed&) {  // whoever closed it says why
        } catch (...) {
            fail_(std::current_exception());
        }
        queue_.end(complete);
    }

    std::unique_ptr<Decompressor> decompressor_;
    Fail fail_;
    ByteQueue queue_{kBuffers, kBufferBytes};
    std::jthread thread_;  // last: it uses the others
};

}  // namespace

std::unique_ptr<DecodeAhead> decode_ahead(std::string_view media_type, DecodeAhead::Pull pull, DecodeAhead::Fail fail) {
    if (media_type.ends_with("+zstd")) return make_zstd_ahead(std::move(pull), std::move(fail));
    if (media_type.ends_with("+gzip") || media_type.ends_with(".tar.gzip"))
        return std::make_unique<StreamAhead>(make_gzip_decompressor(std::move(pull)), std::move(fail));
    throw Error{Errc::bad_archive,
                fmt::format("media type '{}' is neither tar+zstd nor tar+gzip", media_type.substr(0, 100))};
}

}  // namespace overdrive
