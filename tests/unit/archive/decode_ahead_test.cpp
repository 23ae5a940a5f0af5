#include "archive/decode_ahead.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <memory>
#include <optional>

#include "archive/byte_queue.hpp"
#include "archive/zstd_input.hpp"
#include "support/error.hpp"
#include "unit/archive/tar_maker.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

constexpr const char* kZstd = "application/vnd.oci.image.layer.v1.tar+zstd";

/// Text that compresses, no two stretches of it alike.
std::string text_of(std::size_t size, unsigned seed) {
    std::string text(size, ' ');
    unsigned number = seed;
    for (char& c : text) {
        number = number * 1664525U + 1013904223U;
        c = static_cast<char>('a' + (number >> 28U));
    }
    return text;
}

/// A frame with a checksum. @param tells_size as a stream's compressor cannot
std::string frame_of(std::string_view bytes, bool tells_size) {
    const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), &ZSTD_freeCCtx};
    std::string frame(ZSTD_compressBound(bytes.size()), '\0');
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, tells_size ? 1 : 0);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
    frame.resize(ZSTD_compress2(context.get(), frame.data(), frame.size(), bytes.data(), bytes.size()));
    return frame;
}

std::string skippable(const std::string& content) {
    return std::string{"\x50\x2a\x4d\x18", 4} + static_cast<char>(content.size()) + std::string(3, '\0') + content;
}

/// What came out, and why no more.
struct Decoded {
    std::string bytes;
    bool complete = false;
    std::optional<Error> failure;
};

Decoded decode(std::string_view blob, std::size_t piece = 10'000, const char* type = kZstd) {
    Decoded decoded;
    {
        const auto source = decode_ahead(
            type,
            [&] {
                const std::string_view part = blob.substr(0, piece);
                blob.remove_prefix(part.size());
                return part;
            },
            [&](const std::exception_ptr& failure) {
                try {
                    std::rethrow_exception(failure);
                } catch (const Error& error) {
                    decoded.failure = error;
                }
            });
        for (auto bytes = source->next(); !bytes.empty(); bytes = source->next()) decoded.bytes += bytes;
        decoded.complete = source->complete();
    }
    return decoded;
}

void expect_refused(const Decoded& decoded, const char* words) {
    EXPECT_FALSE(decoded.complete);
    ASSERT_TRUE(decoded.failure);
    EXPECT_EQ(decoded.failure->code(), Errc::bad_archive);
    EXPECT_THAT(decoded.failure->what(), HasSubstr(words));
}

TEST(DecodeAheadTest, ManyFramesComeInTheirOrder) {
    std::string blob;
    std::string whole;
    for (unsigned i = 0; i < 40; ++i) {
        const std::string part = text_of(i % 7 == 0 ? 700'000 : 1000 + i, i);
        whole += part;
        blob += zstd(part);
    }
    for (const std::size_t piece : {std::size_t{1}, std::size_t{4096}, blob.size()}) {
        const Decoded decoded = decode(blob, piece);
        EXPECT_TRUE(decoded.complete);
        EXPECT_TRUE(decoded.bytes == whole);
    }
}

TEST(DecodeAheadTest, FramesOfEveryKindMayBeMixed) {
    const std::string small = text_of(50'000, 1);
    const std::string large = text_of(ZstdInput::kMostFrame + 1, 2);
    const std::string blob =
        frame_of(small, true) + frame_of(small, false) + skippable("nothing") + zstd(large) + zstd("") + zstd(small);
    const Decoded decoded = decode(blob);
    EXPECT_TRUE(decoded.complete);
    EXPECT_TRUE(decoded.bytes == small + small + large + small);
}

TEST(DecodeAheadTest, AStreamThatIsCutIsRefusedWhereverItIsCut) {
    const std::string blob = zstd(text_of(3000, 1)) + zstd(text_of(3000, 2));
    const std::size_t first = zstd(text_of(3000, 1)).size();
    for (std::size_t size = 0; size < blob.size(); ++size)
        if (size != first) expect_refused(decode(blob.substr(0, size)), "in the middle of a frame");
}

TEST(DecodeAheadTest, BytesBehindAFrameAreRefused) { expect_refused(decode(zstd("x") + "abcdefgh"), "zstd:"); }

TEST(DecodeAheadTest, ADamagedFrameIsRefusedAndNothingBehindItComes) {
    const std::string good = text_of(2'000'000, 1);
    for (const bool tells_size : {true, false}) {
        std::string bad = frame_of(text_of(2'000'000, 2), tells_size);
        bad.back() = static_cast<char>(bad.back() ^ 1);
        const Decoded decoded = decode(zstd(good) + bad + zstd(good));
        expect_refused(decoded, "zstd:");
        // A stream has given what it had when its checksum came.
        EXPECT_LE(decoded.bytes.size(), tells_size ? good.size() : 2 * good.size());
    }
}

TEST(DecodeAheadTest, AFrameThatSaysLessThanItHoldsIsRefused) {
    std::string frame = zstd(std::string(1000, 'a') + text_of(1000, 1));
    ASSERT_EQ(static_cast<unsigned char>(frame[4]) >> 6U, 1);  // its size has two bytes, of which 256 are taken off
    frame[6] = '\1';
    expect_refused(decode(frame), "zstd:");
}

TEST(DecodeAheadTest, ABlockThatCannotBeIsRefused) {
    // Magic, one segment of 255 bytes, then a block of the reserved type.
    expect_refused(decode(std::string{"\x28\xb5\x2f\xfd\x20\xff\x07\x00\x00", 9}), "a block that cannot be");
}

TEST(DecodeAheadTest, FramesThatHoldNothingAreLimited) {
    std::string blob;
    for (int i = 0; i < 1024; ++i) blob += zstd("");
    EXPECT_TRUE(decode(blob + zstd("x")).complete);
    expect_refused(decode(blob + zstd("") + zstd("x")), "too many frames");
}

TEST(DecodeAheadTest, WhoWantsNoMoreGetsTheEnd) {
    for (const char* type : {kZstd, "application/vnd.oci.image.layer.v1.tar+gzip"}) {
        const std::string part =
            std::string{type}.ends_with("zstd") ? zstd(text_of(1'000'000, 1)) : gzip(text_of(1'000'000, 1));
        int failures = 0;
        const auto source = decode_ahead(
            type, [&]() -> std::string_view { return part; }, [&](const std::exception_ptr&) { ++failures; });
        EXPECT_FALSE(source->next().empty());
        source->close();
        EXPECT_TRUE(source->next().empty());
        EXPECT_FALSE(source->complete());
        EXPECT_EQ(failures, 0);
    }
}

TEST(DecodeAheadTest, ASourceThatFailsEndsItSilently) {
    int pulls = 0;
    int failures = 0;
    const std::string part = zstd(text_of(100'000, 1));
    const auto source = decode_ahead(
        kZstd,
        [&]() -> std::string_view {
            if (++pulls > 3) throw QueueClosed{};
            return part;
        },
        [&](const std::exception_ptr&) { ++failures; });
    while (!source->next().empty()) {
    }
    EXPECT_FALSE(source->complete());
    EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace overdrive
