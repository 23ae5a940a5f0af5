#include "support/visible_text.hpp"

#include <gtest/gtest.h>

namespace overdrive {
namespace {

TEST(VisibleText, LeavesTextAsItIs) {
    for (const char* text :
         {"", "plain text with 'quotes' and \\", "Größe: 3 µm", "한국어", "\xF0\x9F\x9A\x97", "\xC2\xA0"})
        EXPECT_EQ(visible_text(text), text);
}

TEST(VisibleText, ShowsControlCharactersAsNumbers) {
    EXPECT_EQ(visible_text("a\x1B[2Jb"), "a\\x1b[2Jb");
    EXPECT_EQ(visible_text("one\ntwo\r\t\x7F"), "one\\x0atwo\\x0d\\x09\\x7f");
    EXPECT_EQ(visible_text(std::string_view{"\0", 1}), "\\x00");
    EXPECT_EQ(visible_text("\xC2\x9B"), "\\xc2\\x9b");  // a control sequence introducer of one character
}

TEST(VisibleText, ShowsWhatIsNoUtf8AsNumbers) {
    EXPECT_EQ(visible_text("\xFF"), "\\xff");
    EXPECT_EQ(visible_text("\xC0\xAF"), "\\xc0\\xaf");                    // overlong
    EXPECT_EQ(visible_text("\xE0\x80\xAF"), "\\xe0\\x80\\xaf");           // overlong
    EXPECT_EQ(visible_text("\xED\xA0\x80"), "\\xed\\xa0\\x80");           // a surrogate
    EXPECT_EQ(visible_text("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond Unicode
    EXPECT_EQ(visible_text("cut \xE2\x82"), "cut \\xe2\\x82");
    EXPECT_EQ(visible_text("\xE2\x82z"), "\\xe2\\x82z");
}

}  // namespace
}  // namespace overdrive
