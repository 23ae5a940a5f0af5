#include "support/base64.hpp"

#include <gtest/gtest.h>

namespace overdrive {
namespace {

TEST(Base64, WritesTheVectorsOfTheRfc) {
    EXPECT_EQ(encode_base64(""), "");
    EXPECT_EQ(encode_base64("f"), "Zg==");
    EXPECT_EQ(encode_base64("fo"), "Zm8=");
    EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy");
}

TEST(Base64, ReadsBackWhatItWrote) {
    std::string every;
    for (int byte = 0; byte < 256; ++byte) {
        every += static_cast<char>(byte);
        EXPECT_EQ(decode_base64(encode_base64(every)), every) << byte;
    }
}

TEST(Base64, TakesNothingElse) {
    for (const char* text :
         {"Zg", "Zg=", "Zg===", "Z===", "====", "Zg==Zg==", "Z g=", "Zm8=\n", " Zm8", "Zm8-", "Zm8_"})
        EXPECT_EQ(decode_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace overdrive
