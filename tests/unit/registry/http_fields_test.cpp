#include "registry/http_fields.hpp"

#include <gtest/gtest.h>

namespace overdrive {
namespace {

using std::chrono::seconds;
constexpr seconds kDate{784111777};  // the example of RFC 9110 5.6.7

TEST(HttpDate, IsReadInItsThreeForms) {
    for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                             "Sun Nov  6 08:49:37 1994", " Sun, 06 Nov 1994 08:49:37 GMT\r\n"}) {
        EXPECT_EQ(parse_http_date(text), kDate) << text;
    }
}

TEST(HttpDate, IsNothingElse) {
    for (const char* text :
         {"", "Sun", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 31 Feb 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT x", "Sun, 06 Nov 19940 08:49:37 GMT",
          "Sun, 06 Xyz 1994 08:49:37 GMT", "1994-11-06T08:49:37Z", "Sun Nov 66 08:49:37 1994"}) {
        EXPECT_FALSE(parse_http_date(text)) << text;
    }
}

TEST(RetryAfter, IsSecondsOrADateFromNow) {
    EXPECT_EQ(parse_retry_after("120", kDate), seconds{120});
    EXPECT_EQ(parse_retry_after(" 0 ", kDate), seconds{0});
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", kDate), seconds{60});
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", kDate), seconds{0});  // in the past
}

TEST(RetryAfter, IsBoundedAndRefusesWhatIsNoTime) {
    EXPECT_EQ(parse_retry_after("99999999999999999999999999", kDate), kLongestRetryAfter);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 9994 08:50:37 GMT", kDate), kLongestRetryAfter);
    for (const char* text : {"", "-1", "1.5", "10s", "soon", "0x10"})
        EXPECT_FALSE(parse_retry_after(text, kDate)) << text;
}

TEST(ContentRangeField, IsReadWithAndWithoutTheSize) {
    EXPECT_EQ(parse_content_range("bytes 10-19/100"), (ContentRange{10, 19, 100}));
    EXPECT_EQ(parse_content_range("Bytes 0-0/*"), (ContentRange{0, 0, std::nullopt}));
    EXPECT_EQ(parse_content_range("bytes 0-18446744073709551614/18446744073709551615"),
              (ContentRange{0, UINT64_MAX - 1, UINT64_MAX}));
}

TEST(ContentRangeField, RefusesWhatContradictsItself) {
    for (const char* text :
         {"", "bytes", "bytes */100", "bytes 20-10/100", "bytes 10-100/100", "bytes -5-10/100", "bytes 1-2",
          "bytes 1-2/3 4", "items 1-2/3", "bytes 1-2/18446744073709551616", "bytes 1 - 2/3", "bytes=1-2/3"}) {
        EXPECT_FALSE(parse_content_range(text)) << text;
    }
}

TEST(UploadedRange, TellsHowManyBytesAreThere) {
    EXPECT_EQ(parse_uploaded_range("0-499"), 500U);
    EXPECT_EQ(parse_uploaded_range("0-0"), 0U);
    for (const char* text : {"", "0", "1-499", "0-", "0--1", "bytes=0-499", "0-18446744073709551615"})
        EXPECT_FALSE(parse_uploaded_range(text)) << text;
}

TEST(LinkField, GivesTheNextPage) {
    EXPECT_EQ(parse_next_link("</v2/a/tags/list?n=1&last=b>; rel=\"next\""), "/v2/a/tags/list?n=1&last=b");
    EXPECT_EQ(parse_next_link("<a>; rel=prev, <b>;title=\"x, y\" ; rel=\"last next\""), "b");
    EXPECT_EQ(parse_next_link("<https://r.example/p>; REL=Next;"), "https://r.example/p");
    EXPECT_FALSE(parse_next_link("<a>; rel=prev"));
    EXPECT_FALSE(parse_next_link("<a>; title=\"rel=next\""));
}

TEST(LinkField, RefusesWhatIsMalformedOrHuge) {
    for (const std::string& text :
         {std::string{}, std::string{"a; rel=next"}, std::string{"<a; rel=next"}, std::string{"<>; rel=next"},
          std::string{"<a> rel=next"}, std::string{"<a>; rel=\"next"}, std::string{"<a>; rel="},
          "<" + std::string(9000, 'a') + ">; rel=next"}) {
        EXPECT_FALSE(parse_next_link(text)) << text.substr(0, 50);
    }
}

TEST(EntityTag, IsStrongOnlyWithoutWeakMark) {
    EXPECT_TRUE(is_strong_etag(R"("sha256:abc")"));
    for (const char* text : {"", "\"", "abc", R"(W/"abc")", R"("a"b")", "\"a\nb\"", R"("a b")"})
        EXPECT_FALSE(is_strong_etag(text)) << text;
}

}  // namespace
}  // namespace overdrive
