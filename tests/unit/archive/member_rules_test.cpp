#include "archive/member_rules.hpp"

#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

class RefusedName : public testing::TestWithParam<std::string> {};

TEST_P(RefusedName, IsABadArchive) {
    try {
        static_cast<void>(member_path(GetParam(), "driver/"));
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::bad_archive) << error.what();
    }
}

INSTANTIATE_TEST_SUITE_P(MemberNames, RefusedName,
                         testing::Values("", "/driver/a", "driver/../etc/passwd", "../driver/a", "driver/./a",
                                         "./driver/a", "driver//a", "driver/a//", "etc/passwd", "driverx/a", "drive",
                                         "driver/a\nb", "driver/\x1b[2J", "driver/\xc3\xa4", "driver/\xff",
                                         "driver/.wh.a", "driver/d/.wh..wh..opq", ".wh.driver", "driver/..",
                                         "driver/a/..", "driver/" + std::string(256, 'a'),
                                         "driver/" + std::string(5000, '/')));

TEST(MemberRules, StripThePrefix) {
    EXPECT_EQ(member_path("driver", "driver/"), "");
    EXPECT_EQ(member_path("driver/", "driver/"), "");
    EXPECT_EQ(member_path("driver/lib64/", "driver/"), "lib64");
    EXPECT_EQ(member_path("driver/lib64/..data", "driver/"), "lib64/..data");
}

TEST(MemberRules, LetLinksStayInside) {
    EXPECT_TRUE(link_stays_inside("lib64/a", "b"));
    EXPECT_TRUE(link_stays_inside("lib64/a", "../lib/b"));
    EXPECT_TRUE(link_stays_inside("a/b/c", "../../d"));
    EXPECT_FALSE(link_stays_inside("lib64/a", "../../b"));
    EXPECT_FALSE(link_stays_inside("a", ".."));
    EXPECT_FALSE(link_stays_inside("a", "/etc/passwd"));
    EXPECT_FALSE(link_stays_inside("a", ""));
    EXPECT_FALSE(link_stays_inside("a", "b\nc"));
}

TEST(MemberRules, RefuseALinkThatClimbsOutThroughAnotherLink) {
    // 'd/up' could be a link to '..'; then 'd/up/..' is outside although the text looks harmless.
    EXPECT_FALSE(link_stays_inside("x", "d/up/.."));
}

TEST(MemberRules, PrintNamesSafely) {
    EXPECT_EQ(printable("a\x1b\xff"), "a\\x1b\\xff");
    EXPECT_LT(printable(std::string(9999, 'a')).size(), 250U);
}

}  // namespace
}  // namespace overdrive
