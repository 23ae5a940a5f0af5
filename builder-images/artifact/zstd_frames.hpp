#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// Compresses a stream into zstd frames of kFrameBytes each, which a node decompresses side by side, and any other
/// reader one after another. Each says what it holds. The bytes depend on the level and zstd's version alone: not on
/// how many cores compress.
/// @see RFC 8878, 3.1: what is compressed consists of one or more frames
class ZstdFrames {
public:
    /// Unpacked. Less makes a layer larger (1 MiB: by 1.6 % of a driver), more takes more of a node's memory.
    static constexpr std::size_t kFrameBytes = 2U << 20U;
    using Sink = std::function<void(std::string_view)>;

    /// @param sink not owned; called by the thread that writes
    ZstdFrames(int level, const Sink& sink);

    /// @throws what the sink threw; Error unsupported: not a level of zstd
    void write(std::string_view bytes);
    /// After the last write. A stream of nothing is one frame of nothing.
    void finish();

private:
    void compress_all();

    int level_;
    const Sink& sink_;
    std::vector<std::string> frames_;  ///< not compressed yet; the last one may not be full
    bool any_ = false;
};

}  // namespace overdrive
