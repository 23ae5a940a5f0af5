#include "builder-images/artifact/zstd_frames.hpp"

#include <zstd.h>

#include <algorithm>
#include <future>
#include <new>
#include <thread>

#include "builder-images/artifact/zstd_checked.hpp"
#include "support/release_with.hpp"

namespace overdrive {

namespace {

/// Frames that are compressed side by side; 4 MiB of memory each, and what zstd takes.
constexpr std::size_t kMostAtOnce = 8;

std::size_t frames_at_once() { return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMostAtOnce); }

std::string compressed(const std::string& bytes, int level) {
    const std::unique_ptr<ZSTD_CCtx, ReleaseWith<ZSTD_freeCCtx>> context{ZSTD_createCCtx()};
    if (!context) throw std::bad_alloc{};
    zstd_checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level));
    zstd_checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 0));  // every layer has a sha256
    std::string frame(ZSTD_compressBound(bytes.size()), '\0');
    frame.resize(zstd_checked(ZSTD_compress2(context.get(), frame.data(), frame.size(), bytes.data(), bytes.size())));
    return frame;
}

}  // namespace

ZstdFrames::ZstdFrames(int level, const Sink& sink) : level_{level}, sink_{sink} {}

void ZstdFrames::write(std::string_view bytes) {
    while (!bytes.empty()) {
        if (frames_.empty() || frames_.back().size() == kFrameBytes) {
            if (frames_.size() == frames_at_once()) compress_all();
            frames_.emplace_back().reserve(kFrameBytes);
        }
        const std::string_view part = bytes.substr(0, kFrameBytes - frames_.back().size());
        frames_.back() += part;
        bytes.remove_prefix(part.size());
    }
}

void ZstdFrames::finish() {
    if (frames_.empty() && !any_) frames_.emplace_back();
    compress_all();
}

void ZstdFrames::compress_all() {
    std::vector<std::future<std::string>> made;
    made.reserve(frames_.size());
    for (const std::string& frame : frames_)
        made.push_back(std::async(std::launch::async, [&frame, this] { return compressed(frame, level_); }));
    for (std::future<std::string>& frame : made) sink_(frame.get());
    any_ = true;
    frames_.clear();
}

}  // namespace overdrive
