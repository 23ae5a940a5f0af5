#include "archive/unpack.hpp"

#include <fmt/format.h>

#include <atomic>
#include <exception>
#include <memory>
#include <thread>

#include "archive/byte_queue.hpp"
#include "archive/decode_ahead.hpp"
#include "archive/layer_reader.hpp"
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

/// The three stages of one layer: fetch and hash, decode ahead, write. A failure in one ends the others.
class Pipeline {
public:
    Pipeline(ArtifactSource& source, const LayerDescriptor& layer) : source_{source}, layer_{layer} {}

    std::vector<UnpackedFile> run(int staging, const UnpackRules& rules, Progress& progress) {
        std::jthread fetcher{[this] { fetch(); }};
        const CloseOnExit close{*this};  // wakes whoever still waits, should this not get to its end
        std::vector<UnpackedFile> written;
        if (start_to_decode()) written = write(staging, rules, progress);
        decoded_.reset();
        fetcher.join();
        // The one nearest to the source knows best what was wrong.
        for (const std::exception_ptr& failure : {fetch_failure_, decode_failure_, write_failure_}) {
            if (failure) std::rethrow_exception(failure);
        }
        return written;
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
            source_.read_blob(layer_, [this](std::string_view bytes) { compressed_.append(bytes); });
            complete = true;
        } catch (const QueueClosed&) {  // whoever closed it says why
        } catch (...) {
            fetch_failure_ = std::current_exception();
        }
        compressed_.end(complete);
    }

    bool start_to_decode() noexcept {
        try {
            decoded_ = decode_ahead(
                layer_.media_type, [this] { return pull_compressed(); },
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

    std::vector<UnpackedFile> write(int staging, const UnpackRules& rules, Progress& progress) noexcept {
        try {
            LayerReader reader{[&] { return pull_unpacked(progress); }, staging, rules};
            reader.run();
            return reader.take_written();
        } catch (const QueueClosed&) {
        } catch (const Error& error) {
            write_failure_ = std::current_exception();
            stop(after(error));
        } catch (...) {
            write_failure_ = std::current_exception();
            stop(ByteQueue::AfterClose::stop);
        }
        return {};
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

    ArtifactSource& source_;
    const LayerDescriptor& layer_;
    ByteQueue compressed_{kCompressedBuffers, kBufferBytes};
    std::atomic<std::uint64_t> fetched_{0};  ///< compressed bytes that were decoded
    std::uint64_t told_ = 0;                 ///< of these, what progress knows
    std::exception_ptr fetch_failure_;
    std::exception_ptr decode_failure_;
    std::exception_ptr write_failure_;
    std::unique_ptr<DecodeAhead> decoded_;  ///< its threads use the others
};

}  // namespace

std::vector<UnpackedFile> unpack_layer(ArtifactSource& source, const LayerDescriptor& layer, int staging,
                                       const UnpackRules& rules, Progress& progress) {
    return attempting(fmt::format("{} layer", to_string(layer.role)), [&] {
        Pipeline pipeline{source, layer};
        progress.begin(fmt::format("fetching {}", to_string(layer.role)), layer.size);
        auto written = pipeline.run(staging, rules, progress);
        progress.end();
        return written;
    });
}

}  // namespace overdrive
