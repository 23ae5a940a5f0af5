#include "support/verity_digest.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace overdrive {
namespace {

std::string content(std::size_t size) {
    std::string out(size, '\0');
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 7 + (i >> 12U));
    return out;
}

std::string digest_of(const std::string& bytes, std::size_t piece = 1U << 20U) {
    VerityDigest digest;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
        digest.update(std::string_view{bytes}.substr(at, std::min(piece, bytes.size() - at)));
    return digest.finish();
}

/// What `fsverity digest` (fsverity-utils) prints for files of these bytes.
TEST(VerityDigestTest, IsWhatTheKernelMeasures) {
    EXPECT_EQ(digest_of(content(0)), "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95");
    EXPECT_EQ(digest_of(content(1)), "b803429503d95915829b29fdbc8bbad142f3abfd11b1cadf5526582e685c0551");
    EXPECT_EQ(digest_of(content(4096)), "87a706bdba32be89a173dc11d6a91c08165b4dcfcf743988c94595e82934a41a");
    EXPECT_EQ(digest_of(content(4097)), "5c6077f10edc31c27b2a65cbaa199e2cfd36998bf104ccd2f7395eb509682064");
}

TEST(VerityDigestTest, GrowsALevelWhenABlockOfHashesIsFull) {
    EXPECT_EQ(digest_of(content(128 * 4096)), "9613b285b37589320574d16f1447444fb68289259e661f4418dc6374ef3c5b9f");
    EXPECT_EQ(digest_of(content(128 * 4096 + 1)), "355acec90f25617bed6ee0e57380add05b4abb6855b8c7a9224c142cf027a98a");
    EXPECT_EQ(digest_of(content(128 * 128 * 4096 + 5000)),
              "e67a1b67f0256ef6fa6418e61e1604449a01b269901e6b37db6cf99ee9f04967");
}

TEST(VerityDigestTest, DoesNotDependOnThePiecesAndBeginsAnew) {
    const std::string bytes = content(300'001);
    VerityDigest digest;
    for (const std::size_t piece : {1U, 4095U, 4097U, 70'000U}) {
        for (std::size_t at = 0; at < bytes.size(); at += piece)
            digest.update(std::string_view{bytes}.substr(at, piece));
        EXPECT_EQ(digest.finish(), digest_of(bytes)) << piece;
    }
}

TEST(VerityDigestTest, DiffersWithEveryBitAndByZerosAtTheEnd) {
    std::string bytes = content(5000);
    const std::string before = digest_of(bytes);
    bytes[4999] = static_cast<char>(bytes[4999] ^ 1);
    EXPECT_NE(digest_of(bytes), before);
    EXPECT_NE(digest_of(std::string(4096, '\0')), digest_of(std::string(4095, '\0')));
}

}  // namespace
}  // namespace overdrive
