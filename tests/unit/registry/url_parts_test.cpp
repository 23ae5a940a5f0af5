#include "registry/url_parts.hpp"

#include <gtest/gtest.h>

namespace overdrive {
namespace {

TEST(UrlParts, TellWhoIsSpokenTo) {
    const auto parts = parse_url("HTTPS://Registry.Example/v2/?a=b");
    ASSERT_TRUE(parts);
    EXPECT_EQ(*parts, (UrlParts{"https", "registry.example", "443", false}));
    EXPECT_EQ(parts->authority(), "registry.example");
    EXPECT_EQ(parse_url("http://r.example:443/")->authority(), "r.example:443");
    EXPECT_EQ(parse_url("http://[::1]:5000/x")->authority(), "[::1]:5000");
    EXPECT_TRUE(parse_url("https://user:secret@r.example/")->has_user);
    EXPECT_EQ(parse_url("http://2852039166/")->host, "169.254.169.254");
    for (const char* text : {"", "/v2/", "registry.example/x", "https://", "https://a b/", "mailto:x"})
        EXPECT_FALSE(parse_url(text)) << text;
    EXPECT_FALSE(parse_url("https://r.example/" + std::string(9000, 'a')));
}

TEST(UrlParts, ARelativeLinkIsResolved) {
    EXPECT_EQ(resolve_url("https://r.example/v2/a/tags/list", "/v2/a/tags/list?last=b"),
              "https://r.example/v2/a/tags/list?last=b");
    EXPECT_EQ(resolve_url("https://r.example/v2/a", "https://other.example/x"), "https://other.example/x");
    EXPECT_FALSE(resolve_url("https://r.example/v2/a", ""));
}

TEST(UrlParts, MessagesShowNoSecrets) {
    EXPECT_EQ(shown_url("https://user:secret@r.example/blob?X-Amz-Signature=secret"), "https://***@r.example/blob");
    EXPECT_EQ(without_credentials("Unsupported proxy syntax in 'joe:secret@proxy:x'"),
              "Unsupported proxy syntax in '***@proxy:x'");
    EXPECT_EQ(without_credentials("cannot reach http://joe:se//cret@proxy and ftp://x:y@b"),
              "cannot reach http://joe:se//***@proxy and ftp://***@b");
    EXPECT_EQ(without_credentials("plain"), "plain");
}

TEST(UrlParts, KnowAddressesThatAreOnlyThisMachines) {
    for (const char* host :
         {"localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "0.0.0.0", "[::1]", "[::]", "169.254.169.254",
          "[fe80::1]", "[fe80::1%25eth0]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"}) {
        EXPECT_TRUE(is_local_address(host)) << host;
    }
    for (const char* host : {"registry.example", "10.0.0.1", "127.0.0.1.example", "[2001:db8::1]", "169.253.1.1"})
        EXPECT_FALSE(is_local_address(host)) << host;
}

TEST(UrlParts, EverythingUnusualIsEncoded) { EXPECT_EQ(percent_encoded("a b:&/~ä"), "a%20b%3A%26%2F~%C3%A4"); }

}  // namespace
}  // namespace overdrive
