#include "registry/challenge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Challenge, IsReadAsRegistriesSendIt) {
    EXPECT_THAT(parse_challenges(R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io",)"
                                 R"(scope="repository:library/debian:pull")"),
                ElementsAre(Challenge{"bearer",
                                      {{"realm", "https://auth.docker.io/token"},
                                       {"service", "registry.docker.io"},
                                       {"scope", "repository:library/debian:pull"}}}));
    EXPECT_THAT(parse_challenges(R"(Basic realm="a \"quoted\" \\ realm")"),
                ElementsAre(Challenge{"basic", {{"realm", R"(a "quoted" \ realm)"}}}));
}

TEST(Challenge, MayBeOneOfSeveral) {
    EXPECT_THAT(parse_challenges(R"(Negotiate, NTLM abc==, Basic realm="x" , , bearer Realm = y , service=z)"),
                ElementsAre(Challenge{"negotiate", {}}, Challenge{"ntlm", {}}, Challenge{"basic", {{"realm", "x"}}},
                            Challenge{"bearer", {{"realm", "y"}, {"service", "z"}}}));
}

TEST(Challenge, AMalformedOneIsNoneAtAll) {
    for (const char* field : {"", ",,", "Bearer realm=\"https://a", "Bearer realm=\"a\" service=\"b\"", "=x",
                              "Bearer realm=\"a\",realm=\"b\"", "Bearer realm=\"a\nb\"", "Basic realm=\"a\"; x",
                              "Bearer \"a\"", "Bearer realm=\"a\\", "Bearer/1 x"}) {
        EXPECT_THAT(parse_challenges(field), IsEmpty()) << field;
    }
}

TEST(Challenge, AHugeOneIsNoneAtAll) {
    EXPECT_THAT(parse_challenges("Bearer realm=\"" + std::string(8192, 'a') + "\""), IsEmpty());
    std::string many;
    for (int i = 0; i < 17; ++i) many += "S" + std::to_string(i) + ",";
    EXPECT_THAT(parse_challenges(many), IsEmpty());
}

}  // namespace
}  // namespace overdrive
