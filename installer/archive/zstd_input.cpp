#include "archive/zstd_input.hpp"

#include <zstd.h>

#include <algorithm>
#include <array>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kMagic{"\x28\xb5\x2f\xfd", 4};
constexpr std::size_t kDescriptorEnd = 5;
constexpr std::size_t kBlockHeader = 3;

unsigned byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

struct Header {
    std::size_t size;  ///< of the header itself
    bool has_checksum;
    bool needs_dictionary;
};

/// @param begin magic and frame header descriptor
Header header_of(std::string_view begin) {
    const unsigned descriptor = byte_at(begin, kDescriptorEnd - 1);
    const bool single_segment = (descriptor & 0x20U) != 0;
    constexpr std::array<std::size_t, 4> kDictionary{0, 1, 2, 4};
    const std::array<std::size_t, 4> content_size{single_segment ? std::size_t{1} : 0, 2, 4, 8};
    const std::size_t dictionary = kDictionary.at(descriptor & 3U);
    const std::size_t window = single_segment ? 0 : 1;
    return {kDescriptorEnd + window + dictionary + content_size.at(descriptor >> 6U), (descriptor & 4U) != 0,
            dictionary != 0};
}

bool may_be_decompressed_at_once(std::string_view header) {
    const unsigned long long content = ZSTD_getFrameContentSize(header.data(), header.size());
    return content != ZSTD_CONTENTSIZE_UNKNOWN && content != ZSTD_CONTENTSIZE_ERROR && content > 0 &&
           content <= ZstdInput::kMostFrame;
}

}  // namespace

bool ZstdInput::pull() {
    if (rest_.empty()) rest_ = pull_();
    any_ = any_ || !rest_.empty();
    return !rest_.empty();
}

std::string_view ZstdInput::some() {
    if (!pull()) throw Error{Errc::bad_archive, "zstd: the stream ends in the middle of a frame"};
    return rest_;
}

void ZstdInput::gather(std::string& frame, std::size_t bytes) {
    while (bytes > 0) {
        const std::string_view part = some().substr(0, bytes);
        frame += part;
        bytes -= part.size();
        skip(part.size());
    }
}

ZstdInput::Found ZstdInput::read_frame(std::string& frame) {
    frame.clear();
    if (!pull() && any_) return Found::end;
    gather(frame, kDescriptorEnd);
    if (!frame.starts_with(kMagic)) return Found::begun;
    const Header header = header_of(frame);
    gather(frame, header.size - kDescriptorEnd);
    if (header.needs_dictionary || !may_be_decompressed_at_once(frame)) return Found::begun;
    for (bool is_last = false; !is_last;) {
        gather(frame, kBlockHeader);
        const std::size_t at = frame.size() - kBlockHeader;
        const unsigned block = byte_at(frame, at) | byte_at(frame, at + 1) << 8U | byte_at(frame, at + 2) << 16U;
        const unsigned type = block >> 1U & 3U;
        is_last = (block & 1U) != 0;
        const std::size_t size = type == 1 ? 1 : block >> 3U;  // 1: one byte, repeated
        // A block holds at least a byte; as many as a frame of this size can have, and not one more.
        if (type == 3 || size > ZSTD_BLOCKSIZE_MAX || frame.size() + size > ZSTD_COMPRESSBOUND(kMostFrame))
            throw Error{Errc::bad_archive, "zstd: a frame has a block that cannot be"};
        gather(frame, size);
    }
    if (header.has_checksum) gather(frame, 4);
    return Found::frame;
}

}  // namespace overdrive
