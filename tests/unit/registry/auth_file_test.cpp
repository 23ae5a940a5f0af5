#include "registry/auth_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;
using testing::Not;

/// `one:secret1`, `two:secret2`, `three:secret3`
constexpr const char* kOne = "b25lOnNlY3JldDE=";
constexpr const char* kTwo = "dHdvOnNlY3JldDI=";
constexpr const char* kThree = "dGhyZWU6c2VjcmV0Mw==";

AuthFile parse(const std::string& text) { return AuthFile::parse(text, "'/etc/containers/auth.json'"); }

std::string entry(const std::string& key, const std::string& auth) {
    return "\"" + key + "\": {\"auth\": \"" + auth + "\"}";
}

std::string auths(const std::string& entries) { return R"({"auths": {)" + entries + "}}"; }

/// Who logs in; empty when the file says nothing.
std::string user_for(const AuthFile& file, const std::string& host, const std::string& repository) {
    const auto answer = file.find(host, repository);
    return answer && answer->login ? answer->login->user : "";
}

Error refusal(const std::string& text) {
    try {
        static_cast<void>(parse(text));
    } catch (const Error& error) {
        return error;
    }
    return {Errc::not_restored, "accepted"};
}

TEST(AuthFileTest, AnEntryIsUserAndPasswordInBase64) {
    const auto answer = parse(auths(entry("registry.example:5000", kOne))).find("registry.example:5000", "a/b");
    ASSERT_TRUE(answer && answer->login);
    EXPECT_EQ(*answer->login, (KeptLogin{"one", "secret1", ""}));
    EXPECT_EQ(answer->place, "auths.\"registry.example:5000\"");
}

TEST(AuthFileTest, APasswordMayHoldColonsAndLosesTheNulsOfOldDockers) {
    // user:pass:word\0\0
    const auto answer = parse(auths(entry("h", "dXNlcjpwYXNzOndvcmQAAA=="))).find("h", "a");
    EXPECT_EQ(answer->login.value(), (KeptLogin{"user", "pass:word", ""}));
}

// The table of containers-auth.json(5).
TEST(AuthFileTest, TheMostSpecificEntryCounts) {
    const AuthFile file = parse(auths(entry("my-registry.local/foo/bar/image", kOne) + "," +
                                      entry("my-registry.local/foo", kTwo) + "," + entry("my-registry.local", kThree)));
    EXPECT_EQ(user_for(file, "my-registry.local", "foo/bar/image"), "one");
    EXPECT_EQ(user_for(file, "my-registry.local", "foo/bar/image/more"), "one");
    EXPECT_EQ(user_for(file, "my-registry.local", "foo/bar"), "two");
    EXPECT_EQ(user_for(file, "my-registry.local", "foo"), "two");
    EXPECT_EQ(user_for(file, "my-registry.local", "foobar"), "three");
    EXPECT_EQ(user_for(file, "my-registry.local", "other"), "three");
    EXPECT_EQ(user_for(file, "my-registry.local:5000", "foo"), "");
    EXPECT_EQ(user_for(file, "registry.local", "foo"), "");
}

TEST(AuthFileTest, SpellingsWithASchemeStandForTheHostAndComeLast) {
    const AuthFile file =
        parse(auths(entry("https://old.example/v1/", kOne) + "," + entry("http://plain.example:80", kTwo) + "," +
                    entry("https://both.example/v2/", kOne) + "," + entry("both.example", kThree)));
    EXPECT_EQ(user_for(file, "old.example", "a"), "one");
    EXPECT_EQ(user_for(file, "plain.example:80", "a"), "two");
    EXPECT_EQ(user_for(file, "both.example", "a"), "three");
    EXPECT_EQ(user_for(file, "https", "a"), "");
}

TEST(AuthFileTest, TheNamesOfDockerHubAreOne) {
    for (const char* key : {"docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"}) {
        const AuthFile file = parse(auths(entry(key, kOne)));
        EXPECT_EQ(user_for(file, "docker.io", "library/a"), "one") << key;
        EXPECT_EQ(user_for(file, "registry-1.docker.io", "library/a"), "one") << key;
    }
    EXPECT_EQ(user_for(parse(auths(entry("docker.io/mine", kTwo))), "docker.io", "mine/a"), "two");
}

TEST(AuthFileTest, AnIdentityTokenIsKept) {
    const auto answer =
        parse(R"({"auths": {"h": {"auth": "MDAwMDAwMDA6", "identitytoken": "refresh"}}})").find("h", "a");
    EXPECT_EQ(answer->login.value(), (KeptLogin{"00000000", "", "refresh"}));
}

TEST(AuthFileTest, AnEmptyEntrySaysNothing) {
    const AuthFile file = parse(R"({"auths": {"h": {}, "i": {"auth": ""}, "j": null}})");
    for (const char* host : {"h", "i", "j"}) EXPECT_FALSE(file.find(host, "a")) << host;
    EXPECT_FALSE(parse("{}").find("h", "a"));
    EXPECT_FALSE(parse("").find("h", "a"));
}

TEST(AuthFileTest, AHelperOfAHostGoesBeforeItsEntryAndTheStoreComesLast) {
    const AuthFile file = parse(
        R"({"auths": {"helped.example": {"auth": "b25lOnNlY3JldDE="}, "kept.example": {"auth": "b25lOnNlY3JldDE="}},
                  "credHelpers": {"helped.example": "ecr-login", "https://index.docker.io/v1/": "hub", "kept.example": ""},
                  "credsStore": "secretservice"})");
    const auto helped = file.find("helped.example", "a/b").value();
    EXPECT_EQ(helped.helper, "ecr-login");
    EXPECT_EQ(helped.helper_key, "helped.example");
    EXPECT_EQ(helped.place, "credHelpers.\"helped.example\"");
    EXPECT_FALSE(helped.login);
    EXPECT_EQ(user_for(file, "kept.example", "a"), "one");
    const auto other = file.find("other.example:5000", "a").value();
    EXPECT_EQ(other.helper, "secretservice");
    EXPECT_EQ(other.helper_key, "other.example:5000");
    EXPECT_EQ(other.place, "credsStore");
    const auto hub = file.find("docker.io", "library/a").value();
    EXPECT_EQ(hub.helper, "hub");
    EXPECT_EQ(hub.helper_key, "https://index.docker.io/v1/");
}

TEST(AuthFileTest, OtherKeysAreDockersOwnBusiness) {
    const AuthFile file = parse(R"({"HttpHeaders": {"User-Agent": "x"}, "detachKeys": "ctrl-e,e", "auths": {"h":
        {"auth": "b25lOnNlY3JldDE=", "email": "a@b"}}})");
    EXPECT_EQ(user_for(file, "h", "a"), "one");
}

struct Refused {
    const char* text;
    const char* names;  ///< what the message must name
};
class RefusedAuthFile : public testing::TestWithParam<Refused> {};

TEST_P(RefusedAuthFile, NamesFileAndKeyAndNeverTheSecret) {
    const Error error = refusal(GetParam().text);
    EXPECT_EQ(error.code(), Errc::config) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("'/etc/containers/auth.json'"));
    EXPECT_THAT(error.what(), HasSubstr(GetParam().names));
    EXPECT_THAT(error.what(), Not(HasSubstr("ecret")));
    EXPECT_THAT(error.what(), Not(HasSubstr("c2VjcmV0")));
}

INSTANTIATE_TEST_SUITE_P(
    AuthFiles, RefusedAuthFile,
    testing::Values(Refused{R"({"auths": {"h": {"auth": "secret)", "not JSON at byte"},
                    Refused{R"({"auths": {"h": {"auth": secret}}})", "not JSON at byte"},
                    Refused{"{\"auths\": {\"h\": {\"auth\": \"secret\xff\"}}}", "not JSON"},
                    Refused{R"([])", "not a JSON object"}, Refused{R"({"auths": []})", "auths is not an object"},
                    Refused{R"({"auths": {"h": "secret"}})", "auths.h is not an object"},
                    Refused{R"({"auths": {"h": {"auth": ["secret"]}}})", "auths.h.auth is not a string"},
                    Refused{R"({"auths": {"h": {"auth": "one:secret"}}})", "auths.h.auth is not base64"},
                    Refused{R"({"auths": {"h": {"auth": "c2VjcmV0"}}})", "auths.h.auth is not USER:PASSWORD"},
                    Refused{R"({"auths": {"h": {"auth": "OnNlY3JldA=="}}})", "auths.h.auth is not USER:PASSWORD"},
                    Refused{R"({"auths": {"h": {"auth": "===="}}})", "auths.h.auth is not base64"},
                    Refused{R"({"auths": {"h": {}, "h": {}}})", "'h' stands twice"},
                    Refused{R"({"credHelpers": {"h": "../evil"}})", "credHelpers.h names no helper"},
                    Refused{R"({"credHelpers": {"h": "a b"}})", "credHelpers.h names no helper"},
                    Refused{R"({"credHelpers": {"h": 1}})", "credHelpers.h is not a string"},
                    Refused{R"({"credsStore": "-x"})", "credsStore names no helper"}));

TEST(AuthFileTest, SizeAndDepthAreBounded) {
    EXPECT_THAT(refusal(std::string(AuthFile::kMostBytes + 1, ' ')).what(), HasSubstr("at most"));
    std::string deep = R"({"auths": )";
    for (int i = 0; i < 10'000; ++i) deep += "{\"a\":";
    EXPECT_EQ(refusal(deep).code(), Errc::config);
}

TEST(HelperAnswerTest, IsUserAndSecretOrAToken) {
    EXPECT_EQ(parse_helper_answer(R"({"ServerURL": "h", "Username": "u", "Secret": "p"})", "x"),
              (KeptLogin{"u", "p", ""}));
    EXPECT_EQ(parse_helper_answer(R"({"Username": "<token>", "Secret": "t"})", "x"), (KeptLogin{"", "", "t"}));
}

TEST(HelperAnswerTest, ARefusalNeverRepeatsTheSecret) {
    for (const char* text : {R"({"Username": "u", "Secret": "secret)", "secret",
                             R"({"Username": 1, "Secret": "secret"})", R"({"Secret": "secret"})"}) {
        try {
            static_cast<void>(parse_helper_answer(text, "the answer of docker-credential-x"));
            FAIL() << "accepted";
        } catch (const Error& error) {
            EXPECT_THAT(error.what(), HasSubstr("docker-credential-x"));
            EXPECT_THAT(error.what(), Not(HasSubstr("secret"))) << text;
        }
    }
}

}  // namespace
}  // namespace overdrive
