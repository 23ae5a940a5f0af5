#include "archive/blob_stages.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <thread>

#include "archive/byte_queue.hpp"
#include "support/error.hpp"
#include "support/interruption.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kBufferBytes = 256U << 10U;
constexpr std::size_t kCompressedBuffers = 16;  // 4 MiB

/// What the source is to do after a failure: run to its end where that may only be what damaged bytes look like further
/// down, so that it is heard first.
ByteQueue::AfterClose after(const Error& error) {
    const bool may_be_damage = error.code() == Errc::bad_archive || error.code() == Errc::digest_mismatch ||
                               error.code() == Errc::incomplete_artifact;
    return may_be_damage ? ByteQueue::AfterClose::discard : ByteQueue::AfterClose::stop;
}

class Pipeline {
public:
    explicit Pipeline(const BlobStages& stages) : stages_{stages} {}

    void run(Progress& progress) {
        std::jthread fetcher{[this] { fetch(); }};
        const CloseOnExit close{*this};  // wakes whoever still waits, should this not get to its end
        if (start_to_decode()) write(progress);
        decoded_.reset();
        fetcher.join();
        // The one nearest to the source knows best what was wrong.
        for (const std::exception_ptr& failure : {fetch_failure_, decode_failure_, write_failure_}) {
            if (failure) std::rethrow_exception(failure);
        }
    }

private:
    struct CloseOnExit {
        Pipeline& pipeline;
        explicit CloseOnExit(Pipeline& closed) : pipeline{closed} {}
        CloseOnExit(const CloseOnExit&) = delete;
        CloseOnExit& operator=(const CloseOnExit&) = delete;
        ~CloseOnExit() { pipeline.stop(ByteQueue::AfterClose::stop); }
    };

    void fetch() noexcept {
        bool complete = false;
        try {
            stages_.fetch([this](std::string_view bytes) { compressed_.append(bytes); });
            complete = true;
        } catch (const QueueClosed&) {  // whoever closed it says why
        } catch (...) {
            fetch_failure_ = std::current_exception();
        }
        compressed_.end(complete);
    }

    bool start_to_decode() noexcept {
        try {
            decoded_ = stages_.decode([this] { return pull_compressed(); },
                                      [this](const std::exception_ptr& failure) { decode_failed(failure); });
        } catch (...) {
            decode_failed(std::current_exception());
        }
        return decoded_ != nullptr;
    }

    void decode_failed(const std::exception_ptr& failure) noexcept {
        decode_failure_ = failure;
        try {
            std::rethrow_exception(failure);
        } catch (const Error& error) {
            compressed_.close(after(error));
        } catch (...) {
            compressed_.close(ByteQueue::AfterClose::stop);
        }
    }

    void write(Progress& progress) noexcept {
        try {
            stages_.write([&] { return pull_unpacked(progress); });
        } catch (const QueueClosed&) {
        } catch (const Error& error) {
            write_failure_ = std::current_exception();
            stop(after(error));
        } catch (...) {
            write_failure_ = std::current_exception();
            stop(ByteQueue::AfterClose::stop);
        }
    }

    void stop(ByteQueue::AfterClose source) {
        if (decoded_) decoded_->close();
        compressed_.close(source);
    }

    std::string_view pull_compressed() {
        const std::string_view bytes = compressed_.next();
        if (bytes.empty() && !compressed_.complete()) throw QueueClosed{};  // not the end: somebody failed
        fetched_ += bytes.size();
        return bytes;
    }

    std::string_view pull_unpacked(Progress& progress) {
        stop_if_interrupted();
        const std::uint64_t fetched = fetched_;
        if (fetched != told_) progress.advance(fetched - told_);
        told_ = fetched;
        const std::string_view bytes = decoded_->next();
        if (bytes.empty() && !decoded_->complete()) throw QueueClosed{};
        return bytes;
    }

    const BlobStages& stages_;
    ByteQueue compressed_{kCompressedBuffers, kBufferBytes};
    std::atomic<std::uint64_t> fetched_{0};  ///< compressed bytes that were decoded
    std::uint64_t told_ = 0;                 ///< of these, what progress knows
    std::exception_ptr fetch_failure_;
    std::exception_ptr decode_failure_;
    std::exception_ptr write_failure_;
    std::unique_ptr<DecodeAhead> decoded_;  ///< its threads use the others
};

}  // namespace

void run_stages(const BlobStages& stages, Progress& progress) { Pipeline{stages}.run(progress); }

}  // namespace overdrive
