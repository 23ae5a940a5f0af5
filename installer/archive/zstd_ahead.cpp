#include "archive/zstd_ahead.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "archive/byte_queue.hpp"
#include "archive/zstd_input.hpp"
#include "support/error.hpp"
#include "support/release_with.hpp"

namespace overdrive {

namespace {

/// A stream of a million frames that hold nothing costs time and gives no bytes that a limit could count.
constexpr int kMostEmptyFrames = 1024;
/// The largest window that a zstd frame may ask for: 16 MiB, so that memory stays bounded (zstd -19 needs 8).
constexpr int kMostWindowLog = 24;
/// Two decode as fast as a fast disk is written; a third covers for one that has to wait.
constexpr unsigned kMostThreads = 3;
/// What a stream hands over at a time: little enough to be still in the cache when it is written.
constexpr std::size_t kPieceBytes = 512U << 10U;

using Context = std::unique_ptr<ZSTD_DCtx, ReleaseWith<ZSTD_freeDCtx>>;

Context make_context() {
    Context context{ZSTD_createDCtx()};
    if (!context) throw std::bad_alloc{};
    return context;
}

std::size_t check(std::size_t answer) {
    if (ZSTD_isError(answer) != 0) throw Error{Errc::bad_archive, fmt::format("zstd: {}", ZSTD_getErrorName(answer))};
    return answer;
}

/// The threads take turns: each reads the next frame from the input, then decompresses it while others read on.
class ZstdAhead final : public DecodeAhead {
public:
    ZstdAhead(Pull pull, Fail fail) : input_{std::move(pull)}, fail_{std::move(fail)} {
        check(ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kMostWindowLog));
        const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads);
        for (std::size_t i = 0; i <= threads; ++i) {  // one more, which the consumer has
            buffers_.push_back(std::make_unique_for_overwrite<char[]>(ZstdInput::kMostFrame));  // NOLINT(*-c-arrays)
            free_.push_back(i);
        }
        threads_.emplace_back([this] { work(); });
        try {
            while (threads_.size() < threads) threads_.emplace_back([this] { work(); });
        } catch (const std::system_error&) {  // no more are to be had, and one is enough
        }
    }
    ZstdAhead(const ZstdAhead&) = delete;
    ZstdAhead& operator=(const ZstdAhead&) = delete;
    ~ZstdAhead() override { ZstdAhead::close(); }

    std::string_view next() override {
        std::unique_lock lock{mutex_};
        while (true) {
            if (reading_) give_back(*std::exchange(reading_, std::nullopt));
            changed_.wait(lock, [&] { return closed_ || ready_.contains(next_) || end_ == next_; });
            if (closed_ || end_ == next_) return {};
            const Ready ready = ready_.extract(next_++).mapped();
            reading_ = ready.buffer;
            if (ready.bytes > 0) return {buffers_[ready.buffer].get(), ready.bytes};
        }
    }

    [[nodiscard]] bool complete() const override {
        const std::lock_guard lock{mutex_};
        return !closed_ && end_ == next_;
    }

    void close() override {
        const std::lock_guard lock{mutex_};
        closed_ = true;
        changed_.notify_all();
    }

private:
    /// A place in the order of the layer, and a buffer for what comes there.
    struct Claim {
        std::uint64_t number;
        std::size_t buffer;
    };
    struct Ready {
        std::size_t buffer;
        std::size_t bytes;
    };

    void work() noexcept {
        try {
            const Context context = make_context();
            std::string frame;
            while (take_turn(context.get(), frame)) {
            }
            return;
        } catch (const QueueClosed&) {  // whoever closed it says why
        } catch (...) {
            const std::lock_guard lock{failing_};
            if (fail_) std::exchange(fail_, nullptr)(std::current_exception());
        }
        close();
    }

    /// @return whether there may be more
    bool take_turn(ZSTD_DCtx* context, std::string& frame) {
        std::unique_lock turn{turn_};
        // Over until it turns out that it is not: nobody reads on behind what is malformed.
        if (std::exchange(over_, true)) return false;
        const ZstdInput::Found found = input_.read_frame(frame);
        if (found == ZstdInput::Found::end) {
            finish();
            return false;
        }
        if (found == ZstdInput::Found::begun) {
            decode_stream(frame);
            over_ = false;
            return true;
        }
        const Claim claimed = claim();
        over_ = false;
        turn.unlock();
        publish(claimed, check(ZSTD_decompressDCtx(context, buffers_[claimed.buffer].get(), ZstdInput::kMostFrame,
                                                   frame.data(), frame.size())));
        return true;
    }

    /// A frame of any size, of which the first bytes are `begun`; in the turn.
    void decode_stream(std::string_view begun) {
        check(ZSTD_DCtx_reset(stream_.get(), ZSTD_reset_session_only));
        ZSTD_inBuffer in{begun.data(), begun.size(), 0};
        bool is_pulled = false;
        bool was_full = false;  // more output may wait inside
        bool gave = false;
        for (std::size_t left = 1; left != 0;) {
            const Claim claimed = claim();
            ZSTD_outBuffer out{buffers_[claimed.buffer].get(), kPieceBytes, 0};
            while (left != 0 && out.pos < out.size) {
                if (in.pos == in.size && !was_full) refill(in, is_pulled);
                left = check(ZSTD_decompressStream(stream_.get(), &out, &in));
                was_full = out.pos == out.size;
            }
            gave = gave || out.pos > 0;
            publish(claimed, out.pos);
        }
        if (is_pulled) input_.skip(in.pos);
        if (!gave && ++empty_frames_ > kMostEmptyFrames)
            throw Error{Errc::bad_archive, "zstd: the stream has too many frames that hold nothing"};
    }

    void refill(ZSTD_inBuffer& in, bool& is_pulled) {
        if (is_pulled) input_.skip(in.size);
        const std::string_view more = input_.some();
        in = {more.data(), more.size(), 0};
        is_pulled = true;
    }

    /// In the turn, so that numbers are in order and the lowest one that is not ready always has its buffer.
    Claim claim() {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return closed_ || !free_.empty(); });
        if (closed_) throw QueueClosed{};
        const std::size_t buffer = free_.back();
        free_.pop_back();
        return {claimed_++, buffer};
    }

    void publish(const Claim& claimed, std::size_t bytes) {
        const std::lock_guard lock{mutex_};
        ready_.emplace(claimed.number, Ready{claimed.buffer, bytes});
        changed_.notify_all();
    }

    void finish() {
        const std::lock_guard lock{mutex_};
        end_ = claimed_;
        changed_.notify_all();
    }

    void give_back(std::size_t buffer) {
        free_.push_back(buffer);
        changed_.notify_all();
    }

    std::vector<std::unique_ptr<char[]>> buffers_;  // NOLINT(*-c-arrays): never resized, not zeroed

    std::mutex turn_;  ///< guards what reads the input
    ZstdInput input_;
    Context stream_ = make_context();
    bool over_ = false;
    int empty_frames_ = 0;

    mutable std::mutex mutex_;  ///< guards what follows
    std::condition_variable changed_;
    std::vector<std::size_t> free_;
    std::map<std::uint64_t, Ready> ready_;
    std::optional<std::size_t> reading_;  ///< the consumer's
    std::uint64_t claimed_ = 0;           ///< numbers given out
    std::uint64_t next_ = 0;              ///< that the consumer gets next
    std::optional<std::uint64_t> end_;    ///< how many there are
    bool closed_ = false;

    std::mutex failing_;
    Fail fail_;

    std::vector<std::jthread> threads_;  // last: they use the others
};

}  // namespace

std::unique_ptr<DecodeAhead> make_zstd_ahead(DecodeAhead::Pull pull, DecodeAhead::Fail fail) {
    return std::make_unique<ZstdAhead>(std::move(pull), std::move(fail));
}

}  // namespace overdrive
