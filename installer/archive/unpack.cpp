#include "archive/unpack.hpp"

#include <fmt/format.h>

#include <atomic>
#include <exception>
#include <thread>

#include "archive/byte_queue.hpp"
#include "archive/decompressor.hpp"
#include "archive/layer_reader.hpp"
#include "support/error.hpp"
#include "support/interruption.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kBufferBytes = 256U << 10U;
constexpr std::size_t kCompressedBuffers = 16;  // 4 MiB
constexpr std::size_t kUnpackedBuffers = 32;    // 8 MiB

/// Whether a failure may only be what damaged bytes look like further down, so that the source must be heard first.
bool may_be_damage(const Error& error) {
    return error.code() == Errc::bad_archive || error.code() == Errc::digest_mismatch ||
           error.code() == Errc::incomplete_artifact;
}

/// The three stages of one layer: fetch and hash, decompress, write. A failure in one ends the others.
class Pipeline {
public:
    Pipeline(ArtifactSource& source, const LayerDescriptor& layer) : source_{source}, layer_{layer} {}

    std::vector<UnpackedFile> run(int staging, const UnpackRules& rules, Progress& progress) {
        std::jthread fetcher{[this] { fetch(); }};
        const CloseOnExit close{*this};  // should the next thread not start
        std::jthread decoder{[this] { decode(); }};
        std::vector<UnpackedFile> written = write(staging, rules, progress);
        decoder.join();
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

    void decode() noexcept {
        bool complete = false;
        try {
            const auto decompressor = make_decompressor(layer_.media_type, [this] { return pull_compressed(); });
            while (true) {
                const std::size_t bytes = decompressor->read(unpacked_.room());
                if (bytes == 0) break;
                unpacked_.put(bytes);
            }
            complete = true;
        } catch (const QueueClosed&) {
        } catch (const Error& error) {
            decode_failure_ = std::current_exception();
            compressed_.close(may_be_damage(error) ? ByteQueue::AfterClose::discard : ByteQueue::AfterClose::stop);
        } catch (...) {
            decode_failure_ = std::current_exception();
            compressed_.close(ByteQueue::AfterClose::stop);
        }
        unpacked_.end(complete);
    }

    std::vector<UnpackedFile> write(int staging, const UnpackRules& rules, Progress& progress) noexcept {
        try {
            LayerReader reader{[&] { return pull_unpacked(progress); }, staging, rules};
            reader.run();
            return reader.take_written();
        } catch (const QueueClosed&) {
        } catch (const Error& error) {
            write_failure_ = std::current_exception();
            stop(may_be_damage(error) ? ByteQueue::AfterClose::discard : ByteQueue::AfterClose::stop);
        } catch (...) {
            write_failure_ = std::current_exception();
            stop(ByteQueue::AfterClose::stop);
        }
        return {};
    }

    void stop(ByteQueue::AfterClose source) {
        unpacked_.close(ByteQueue::AfterClose::stop);
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
        const std::string_view bytes = unpacked_.next();
        if (bytes.empty() && !unpacked_.complete()) throw QueueClosed{};
        return bytes;
    }

    ArtifactSource& source_;
    const LayerDescriptor& layer_;
    ByteQueue compressed_{kCompressedBuffers, kBufferBytes};
    ByteQueue unpacked_{kUnpackedBuffers, kBufferBytes};
    std::atomic<std::uint64_t> fetched_{0};  ///< compressed bytes that were decoded
    std::uint64_t told_ = 0;                 ///< of these, what progress knows
    std::exception_ptr fetch_failure_;
    std::exception_ptr decode_failure_;
    std::exception_ptr write_failure_;
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
