#include "archive/gzip_decompressor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"
#include "unit/archive/tar_maker.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

/// What a stream decompresses to, given in pieces and taken in pieces.
std::string decompressed(std::string_view stream, std::size_t piece, std::size_t room) {
    const auto decompressor = make_gzip_decompressor([&] {
        const std::string_view given = stream.substr(0, piece);
        stream.remove_prefix(given.size());
        return given;
    });
    std::string out;
    std::string buffer(room, '\0');
    while (const std::size_t bytes = decompressor->read(buffer)) out.append(buffer, 0, bytes);
    return out;
}

std::string failure_of(std::string_view stream, std::size_t piece = SIZE_MAX) {
    try {
        static_cast<void>(decompressed(stream, piece, 4096));
        return "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::bad_archive);
        return error.what();
    }
}

/// Text that refers back over the whole window, and bytes that cannot be compressed.
std::string content() {
    std::string out;
    unsigned state = 1;
    for (int i = 0; i < 30'000; ++i) {
        state = state * 1'103'515'245U + 12'345U;
        out += i % 3 == 0 ? static_cast<char>(state >> 16U) : static_cast<char>('a' + i % 7);
    }
    return out + out.substr(0, 9000) + std::string(100'000, 'z');
}

TEST(GzipDecompressorTest, GivesTheSameWhateverPiecesCome) {
    const std::string stream = gzip(content());
    for (const std::size_t piece : {1U, 2U, 7U, 63U, 1000U, 65'536U}) {
        for (const std::size_t room : {1U, 100U, 4096U, 262'144U})
            EXPECT_EQ(decompressed(stream, piece, room), content()) << piece << " in, " << room << " out";
    }
}

TEST(GzipDecompressorTest, ReadsMembersOneAfterAnotherWhereverTheyAreCut) {
    const std::string stream = gzip("first ") + gzip({}) + gzip("second ") + gzip("third");
    for (std::size_t piece = 1; piece <= stream.size(); ++piece)
        EXPECT_EQ(decompressed(stream, piece, 5), "first second third") << "pieces of " << piece;
}

TEST(GzipDecompressorTest, RefusesAStreamThatIsCutAnywhere) {
    const std::string stream = gzip("one ") + gzip("two");
    const std::size_t boundary = gzip("one ").size();
    for (std::size_t size = 1; size < stream.size(); ++size) {
        if (size == boundary) continue;
        EXPECT_THAT(failure_of(stream.substr(0, size)), HasSubstr("middle of a member")) << size << " bytes";
    }
    EXPECT_THAT(failure_of(""), HasSubstr("empty"));
}

TEST(GzipDecompressorTest, RefusesABitThatIsNotAsItWas) {
    const std::string stream = gzip(content());
    for (const std::size_t from_end : {1U, 4U, 5U, 8U}) {  // length and CRC
        std::string spoiled = stream;
        spoiled[spoiled.size() - from_end] = static_cast<char>(spoiled[spoiled.size() - from_end] ^ 1);
        EXPECT_THAT(failure_of(spoiled, 100), HasSubstr("not that of its content")) << from_end;
    }
    std::string spoiled = stream;
    spoiled[stream.size() / 2] = static_cast<char>(spoiled[stream.size() / 2] ^ 4);
    EXPECT_THAT(failure_of(spoiled), HasSubstr("gzip: "));
}

TEST(GzipDecompressorTest, RefusesWhatStandsBehindTheLastMember) {
    EXPECT_THAT(failure_of(gzip("1") + "tail!"), HasSubstr("after the end"));
    EXPECT_THAT(failure_of(gzip("1") + std::string(1, '\0'), 1), HasSubstr("after the end"));
    EXPECT_THAT(failure_of(gzip("1") + "\x1f\x8c", 1), HasSubstr("gzip: "));
}

TEST(GzipDecompressorTest, RefusesWhatIsNotGzip) {
    EXPECT_THAT(failure_of("this is no gzip stream"), HasSubstr("no gzip stream"));
    std::string method = gzip("1");
    method[2] = 7;
    EXPECT_THAT(failure_of(method), HasSubstr("method"));
}

TEST(GzipDecompressorTest, CountsMembersThatHoldNothing) {
    std::string stream;
    for (int i = 0; i < 2000; ++i) stream += gzip({});
    EXPECT_THAT(failure_of(stream), HasSubstr("too many members"));
}

}  // namespace
}  // namespace overdrive
