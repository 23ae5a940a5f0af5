#include "builder-images/artifact/zstd_frames.hpp"

#include <gtest/gtest.h>
#include <zstd.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

std::string text_of(std::size_t size) {
    std::string text(size, ' ');
    unsigned number = 1;
    for (char& c : text) {
        number = number * 1664525U + 1013904223U;
        c = static_cast<char>('a' + (number >> 28U));
    }
    return text;
}

std::string compressed(std::string_view bytes, std::size_t piece, int level = 3) {
    std::string out;
    const ZstdFrames::Sink sink = [&](std::string_view part) { out += part; };
    ZstdFrames frames{level, sink};
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) frames.write(bytes.substr(0, piece));
    frames.finish();
    return out;
}

/// What each frame says that it holds.
std::vector<unsigned long long> sizes_of(std::string_view stream) {
    std::vector<unsigned long long> sizes;
    while (!stream.empty()) {
        sizes.push_back(ZSTD_getFrameContentSize(stream.data(), stream.size()));
        stream.remove_prefix(ZSTD_findFrameCompressedSize(stream.data(), stream.size()));
    }
    return sizes;
}

TEST(ZstdFramesTest, EveryFrameIsFullButTheLastAndSaysItsSize) {
    const std::string text = text_of(11 * ZstdFrames::kFrameBytes + 5);
    const std::string stream = compressed(text, 1'000'000);
    std::vector<unsigned long long> sizes(11, ZstdFrames::kFrameBytes);
    sizes.push_back(5);
    EXPECT_EQ(sizes_of(stream), sizes);
    std::string back(text.size(), '\0');
    EXPECT_EQ(ZSTD_decompress(back.data(), back.size(), stream.data(), stream.size()), text.size());
    EXPECT_TRUE(back == text);
}

TEST(ZstdFramesTest, HowTheBytesComeMakesNoDifference) {
    const std::string text = text_of(2 * ZstdFrames::kFrameBytes);
    const std::string stream = compressed(text, text.size());
    EXPECT_TRUE(compressed(text, 77'777) == stream);
    EXPECT_TRUE(compressed(text, ZstdFrames::kFrameBytes) == stream);
    EXPECT_EQ(sizes_of(stream).size(), 2U);
}

TEST(ZstdFramesTest, NothingIsAFrameOfNothing) { EXPECT_EQ(sizes_of(compressed("", 1)), std::vector{0ULL}); }

TEST(ZstdFramesTest, WhatTheSinkThrowsComesOut) {
    const ZstdFrames::Sink sink = [](std::string_view) { throw Error{Errc::no_space, "full"}; };
    ZstdFrames frames{3, sink};
    frames.write("x");
    EXPECT_THROW(frames.finish(), Error);
}

}  // namespace
}  // namespace overdrive
