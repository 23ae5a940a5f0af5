#include "registry/registry_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "registry/token_request.hpp"
#include "support/skipping_clock.hpp"

namespace overdrive {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kBearer =
    R"(Bearer realm="https://auth.r.example/token",service="r.example",scope="repository:a/b:pull")";

/// Answers by URL, each list in order, the last one for ever.
struct ScriptedTransport final : HttpTransport {
    HttpResponse perform(const HttpRequest& request, const Sink& sink) override {
        requests.push_back(request);
        std::string body;
        while (request.body) {
            const std::string_view piece = request.body->next(3);
            if (piece.empty()) break;
            body += piece;
        }
        bodies.push_back(body);
        auto& answers = script.at(request.url.substr(0, request.url.find('?')));
        const std::function<HttpResponse()> answer = answers.front();
        if (answers.size() > 1) answers.pop_front();
        HttpResponse response = answer();
        if (sink && response.status / 100 == 2) {
            sink(response.body);
            response.body.clear();
        }
        return response;
    }
    void add(const std::string& url, HttpResponse response) {
        script[url].push_back([response] { return response; });
    }
    void add_failure(const std::string& url, Errc code) {
        script[url].push_back([code]() -> HttpResponse { throw Error{code, "connection refused"}; });
    }
    /// The Authorization of each request for a URL that begins so; `-` for none.
    std::vector<std::string> authorizations(const std::string& url) const {
        std::vector<std::string> out;
        for (const HttpRequest& request : requests) {
            if (!request.url.starts_with(url)) continue;
            out.emplace_back("-");
            for (const std::string& line : request.headers) {
                if (line.starts_with("Authorization: ")) out.back() = line.substr(15);
            }
        }
        return out;
    }
    std::map<std::string, std::deque<std::function<HttpResponse()>>> script;
    std::vector<HttpRequest> requests;
    std::vector<std::string> bodies;
};

struct ListedLogins final : LoginFinder {
    std::optional<Login> find(const std::string& host, const std::string& repository) override {
        asked.push_back(host + "/" + repository);
        const auto found = logins.find(host);
        return found == logins.end() ? std::nullopt : std::optional{found->second};
    }
    std::map<std::string, Login> logins;
    std::vector<std::string> asked;
};

class RegistrySessionTest : public testing::Test {
protected:
    static constexpr const char* kManifest = "https://r.example/v2/a/b/manifests/t";
    static constexpr const char* kToken = "https://auth.r.example/token";

    HttpResponse get(const std::string& path = "manifests/t") {
        return session().perform({.path = path, .most_bytes = 100}, {});
    }
    RegistrySession& session() {
        if (!session_) session_.emplace(endpoint_, transport_, logins_, clock_, patience_);
        return *session_;
    }
    static HttpResponse unauthorized(const std::string& challenge) {
        return {.status = 401, .headers = {{"www-authenticate", challenge}}, .body = ""};
    }
    static HttpResponse ok(const std::string& body = "there") { return {.status = 200, .headers = {}, .body = body}; }
    void expect_failure(Errc code, const std::string& words, const std::string& path = "manifests/t") {
        try {
            get(path);
            ADD_FAILURE() << "no failure";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), code) << error.what();
            EXPECT_THAT(error.what(), HasSubstr(words));
            EXPECT_THAT(std::string{error.what()} + error.remedy(), Not(HasSubstr("secret")));
        }
    }

    Endpoint endpoint_{.host = "r.example", .repository = "a/b"};
    ScriptedTransport transport_;
    ListedLogins logins_;
    SkippingClock clock_;
    Patience patience_{};
    std::optional<RegistrySession> session_;
};

TEST_F(RegistrySessionTest, AsksWithoutALoginFirst) {
    transport_.add(kManifest, ok());
    EXPECT_EQ(get().body, "there");
    EXPECT_THAT(transport_.authorizations(kManifest), ElementsAre("-"));
    EXPECT_TRUE(logins_.asked.empty());
}

TEST_F(RegistrySessionTest, FetchesATokenOnceAndKeepsItUntilItExpires) {
    logins_.logins["r.example"] = {.user = "joe", .password = "secret", .origin = "'auth.json'"};
    transport_.add(kManifest, unauthorized(kBearer));
    transport_.add(kManifest, ok());
    transport_.add(kToken, ok(R"({"token":"one","expires_in":300})"));
    transport_.add(kToken, ok(R"({"access_token":"two","expires_in":300})"));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(get().status, 200);
    clock_.now += seconds{301};
    EXPECT_EQ(get().status, 200);
    EXPECT_THAT(transport_.authorizations(kManifest),
                ElementsAre("-", "Bearer one", "Bearer one", "Bearer one", "Bearer two"));
    EXPECT_THAT(transport_.authorizations(kToken), ElementsAre("Basic am9lOnNlY3JldA==", "Basic am9lOnNlY3JldA=="));
    EXPECT_EQ(transport_.requests[1].url,
              std::string{kToken} + "?service=r.example&scope=repository%3Aa%2Fb%3Apull&account=joe");
}

TEST_F(RegistrySessionTest, C7_ATokenThatExpiresInTheMiddleIsFetchedAnewOnce) {
    transport_.add(kManifest, unauthorized(kBearer));
    transport_.add(kManifest, ok());
    transport_.add(kManifest, unauthorized(kBearer));
    transport_.add(kManifest, ok("again"));
    transport_.add(kManifest, unauthorized(kBearer));
    transport_.add(kToken, ok(R"({"token":"t"})"));
    get();
    EXPECT_EQ(get().body, "again");
    const std::size_t before = transport_.requests.size();
    expect_failure(Errc::login_refused, "r.example refuses access (HTTP 401)");
    EXPECT_EQ(transport_.requests.size(), before + 3);  // 401, one token, 401
}

TEST_F(RegistrySessionTest, C7_WithoutALoginATokenIsAskedForAnonymously) {
    transport_.add(kManifest, unauthorized(kBearer));
    transport_.add(kManifest, ok());
    transport_.add(kToken, ok(R"({"token":"t"})"));
    EXPECT_EQ(get().status, 200);
    EXPECT_THAT(transport_.authorizations(kToken), ElementsAre("-"));
}

TEST_F(RegistrySessionTest, AnIdentityTokenIsTradedForAToken) {
    logins_.logins["r.example"] = {.user = "", .password = "", .identity_token = "secret&", .origin = "'auth.json'"};
    transport_.add(kManifest, unauthorized(kBearer));
    transport_.add(kManifest, ok());
    transport_.add(kToken, ok(R"({"access_token":"t"})"));
    EXPECT_EQ(get().status, 200);
    EXPECT_EQ(transport_.requests[1].method, "POST");
    EXPECT_EQ(transport_.bodies[1],
              "grant_type=refresh_token&service=r.example&client_id=overdrive&scope=repository%3Aa%2Fb%3Apull"
              "&refresh_token=secret%26");
    EXPECT_THAT(transport_.authorizations(kManifest), ElementsAre("-", "Bearer t"));
}

TEST_F(RegistrySessionTest, BasicIsSentToTheRegistryItself) {
    logins_.logins["r.example"] = {.user = "joe", .password = "secret", .origin = "'auth.json'"};
    transport_.add(kManifest, unauthorized(R"(Basic realm="x")"));
    transport_.add(kManifest, ok());
    get();
    get();
    EXPECT_THAT(transport_.authorizations(kManifest),
                ElementsAre("-", "Basic am9lOnNlY3JldA==", "Basic am9lOnNlY3JldA=="));
    transport_.script.clear();
    transport_.add(kManifest, unauthorized(R"(Basic realm="x")"));
    expect_failure(Errc::login_refused, "with the login of 'auth.json'");
}

TEST_F(RegistrySessionTest, SaysThatALoginIsMissing) {
    transport_.add(kManifest, unauthorized(R"(Basic realm="x")"));
    expect_failure(Errc::login_refused, "there is none for r.example/a/b");
}

TEST_F(RegistrySessionTest, C7_AChallengeThatCannotBeAnsweredIsRefused) {
    for (const char* challenge :
         {"", "Bearer realm=\"", "Negotiate", "Bearer realm=\"ftp://auth.r.example/\"",
          "Bearer realm=\"http://auth.r.example/token\"", "Bearer realm=\"http://r.example/\"", "Bearer service=\"x\"",
          "Bearer realm=\"https://joe:pw@r.example/\"", "Bearer realm=\"https://169.254.169.254/token\"",
          "Bearer realm=\"https://127.0.0.1/token\"", "Bearer realm=\"file:///etc/passwd\""}) {
        transport_.requests.clear();
        transport_.script.clear();
        transport_.add(kManifest, unauthorized(challenge));
        expect_failure(Errc::login_refused, "r.example");
        EXPECT_EQ(transport_.requests.size(), 1U) << challenge;
    }
    transport_.script.clear();
    transport_.add(kManifest, unauthorized("Bearer realm=\"" + std::string(7000, 'a') + "\""));
    expect_failure(Errc::login_refused, "is no URL");
}

TEST_F(RegistrySessionTest, C7_AForeignTokenServiceNeverSeesTheLogin) {
    logins_.logins["r.example"] = {.user = "joe", .password = "secret", .origin = "'auth.json'"};
    transport_.add(kManifest, unauthorized(R"(Bearer realm="https://evil.test/token")"));
    transport_.add("https://evil.test/token", ok(R"({"token":"t"})"));
    expect_failure(Errc::login_refused, "none is known for evil.test");
    EXPECT_THAT(transport_.authorizations("https://evil.test/token"), ElementsAre("-"));
    EXPECT_THAT(logins_.asked, ElementsAre("evil.test/"));

    // But one that the login files have for that very host it gets.
    logins_.logins["evil.test"] = {.user = "joe", .password = "x", .origin = "'auth.json'"};
    session_.reset();
    expect_failure(Errc::login_refused, "refuses access");
    EXPECT_THAT(transport_.authorizations("https://evil.test/token"), ElementsAre("-", "Basic am9lOng="));
}

TEST_F(RegistrySessionTest, C7_ATokenServiceMayBeASiblingOfTheRegistry) {
    const auto sees = [](const std::string& registry, const std::string& service) {
        return may_see_login({.host = registry, .repository = "a"}, service);
    };
    EXPECT_TRUE(sees("registry-1.docker.io", "auth.docker.io"));
    EXPECT_TRUE(sees("registry.gitlab.example", "gitlab.example"));
    EXPECT_TRUE(sees("quay.io:443", "quay.io"));
    EXPECT_TRUE(sees("127.0.0.1:5000", "127.0.0.1"));
    EXPECT_FALSE(sees("quay.io", "evil.io"));
    EXPECT_FALSE(sees("registry.co.uk", "evil.co.uk"));
    EXPECT_FALSE(sees("10.0.0.1", "10.0.0.2"));
    EXPECT_FALSE(sees("registry.example", "example"));
    EXPECT_FALSE(sees("registry.gitlab.example", "evilgitlab.example"));
    EXPECT_FALSE(sees("registry", "auth"));
}

TEST_F(RegistrySessionTest, C7_AChallengeCannotAskForMoreThanWeWant) {
    EXPECT_EQ(token_scope("a/b", "pull", ""), "repository:a/b:pull");
    EXPECT_EQ(token_scope("a/b", "pull", "repository:a/b:pull"), "repository:a/b:pull");
    EXPECT_EQ(token_scope("a/b", "pull", "repository:proxy/a/b:pull"), "repository:proxy/a/b:pull");
    for (const char* asked : {"repository:secret/c:pull", "repository:a/b:pull,push", "registry:catalog:*",
                              "repository:x repository:y/a/b:pull", "repository:evila/b:pull"}) {
        EXPECT_EQ(token_scope("a/b", "pull", asked), "repository:a/b:pull") << asked;
    }
}

TEST_F(RegistrySessionTest, C7_A401OfARedirectTargetIsNeverAnswered) {
    logins_.logins["r.example"] = {.user = "joe", .password = "secret", .origin = "'auth.json'"};
    HttpResponse foreign = unauthorized(R"(Basic realm="x")");
    foreign.url = "https://cdn.test/blob?signature=secret";
    transport_.add(kManifest, foreign);
    expect_failure(Errc::login_refused, "sends us to 'https://cdn.test/blob', which asks for a login");
    EXPECT_EQ(transport_.requests.size(), 1U);
    EXPECT_TRUE(logins_.asked.empty());
}

TEST_F(RegistrySessionTest, AUrlOnAnotherHostGetsNeitherTokenNorCertificate) {
    endpoint_.tls = {.authorities = {"ca"}, .client_certificate = "c", .client_key = "k"};
    transport_.add(kManifest, unauthorized(kBearer));
    transport_.add(kManifest, ok());
    transport_.add(kToken, ok(R"({"token":"t"})"));
    transport_.add("https://other.example/upload", ok());
    get();
    get("https://other.example/upload");
    EXPECT_THAT(transport_.authorizations("https://other.example"), ElementsAre("-"));
    EXPECT_EQ(transport_.requests.back().tls, TlsFiles{});
    EXPECT_EQ(transport_.requests.front().tls, endpoint_.tls);
    EXPECT_EQ(transport_.requests[1].tls, (TlsFiles{.authorities = {"ca"}}));  // the token service, another host
}

TEST_F(RegistrySessionTest, C7_403IsFinal) {
    transport_.add(kManifest, {.status = 403, .headers = {}, .body = ""});
    EXPECT_EQ(get().status, 403);
    EXPECT_EQ(transport_.requests.size(), 1U);
    const Error error = refusal(Endpoint{.host = "r.example", .repository = "a"},
                                {.status = 403, .headers = {}, .body = R"({"errors":[{"message":"no\n"}]})"});
    EXPECT_EQ(error.code(), Errc::login_refused);
    EXPECT_STREQ(error.what(), "r.example refuses access (HTTP 403): no ");
}

TEST_F(RegistrySessionTest, C7_ATokenServiceThatRefusesIsNamed) {
    logins_.logins["r.example"] = {.user = "joe", .password = "secret", .origin = "'auth.json'"};
    transport_.add(kManifest, unauthorized(kBearer));
    transport_.add(kToken, {.status = 401, .headers = {}, .body = ""});
    expect_failure(Errc::login_refused,
                   "the token service auth.r.example refuses access (HTTP 401), with the login of");
    for (const char* answer : {"", "{}", R"({"token":""})", R"({"token":"a\r\nX-Evil: 1"})", R"({"token":7})", "[]"}) {
        transport_.script.erase(kToken);
        transport_.add(kToken, ok(answer));
        expect_failure(Errc::login_refused, "token service auth.r.example");
    }
}

TEST_F(RegistrySessionTest, C9_WhatMayPassIsTriedAgain) {
    for (const long status : {408L, 429L, 500L, 502L, 503L, 504L}) {
        transport_.script.clear();
        transport_.requests.clear();
        transport_.add(kManifest, {.status = status, .headers = {}, .body = ""});
        transport_.add(kManifest, {.status = status, .headers = {}, .body = ""});
        transport_.add(kManifest, ok());
        EXPECT_EQ(get().status, 200);
        EXPECT_EQ(transport_.requests.size(), 3U);
    }
    transport_.script.clear();
    transport_.add_failure(kManifest, Errc::unreachable);
    transport_.add(kManifest, ok());
    EXPECT_EQ(get().status, 200);
}

TEST_F(RegistrySessionTest, C9_PatienceEndsAfterFiveTries) {
    transport_.add(kManifest, {.status = 503, .headers = {}, .body = ""});
    expect_failure(Errc::unreachable, "r.example answers with HTTP 503 (tried 5 times)");
    EXPECT_EQ(transport_.requests.size(), 5U);
    transport_.script.clear();
    transport_.add_failure(kManifest, Errc::unreachable);
    expect_failure(Errc::unreachable, "connection refused (tried 5 times)");
}

TEST_F(RegistrySessionTest, C9_ARetryAfterIsHonouredUpToACap) {
    transport_.add(kManifest, {.status = 429, .headers = {{"retry-after", "20"}}, .body = ""});
    transport_.add(kManifest, {.status = 503,
                               .headers = {{"retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"},
                                           {"date", "Sun, 06 Nov 1994 08:49:37 GMT"}},
                               .body = ""});
    transport_.add(kManifest, ok());
    EXPECT_EQ(get().status, 200);
    EXPECT_GE(clock_.slept, seconds{50});
    EXPECT_LT(clock_.slept, seconds{52});

    transport_.requests.clear();
    transport_.script.clear();
    transport_.add(kManifest, {.status = 429, .headers = {{"retry-after", "1000000000"}}, .body = ""});
    expect_failure(Errc::unreachable, "too many requests were made (HTTP 429) and asks to wait 1000000000 s");
    EXPECT_EQ(transport_.requests.size(), 1U);
}

TEST_F(RegistrySessionTest, C10_ADeadRegistryCostsABoundedTimeInAll) {
    // Every try stalls for 30 s; however many requests are made, the budget is one.
    transport_.script[kManifest].push_back([&]() -> HttpResponse {
        clock_.now += seconds{30};
        throw Error{Errc::unreachable, "stalled"};
    });
    const auto begin = clock_.now;
    expect_failure(Errc::unreachable, "stalled");
    EXPECT_LE(clock_.now - begin, patience_.budget + seconds{30});
    expect_failure(Errc::unreachable, "stalled");
    EXPECT_LE(clock_.now - begin, patience_.budget + seconds{60});
}

TEST_F(RegistrySessionTest, WhatCannotPassIsNotTriedAgain) {
    for (const Errc code : {Errc::tls_refused, Errc::config, Errc::interrupted, Errc::no_space}) {
        transport_.script.clear();
        transport_.requests.clear();
        transport_.add_failure(kManifest, code);
        expect_failure(code, "connection refused");
        EXPECT_EQ(transport_.requests.size(), 1U);
    }
    for (const long status : {404L, 416L, 501L, 507L}) {
        transport_.script.clear();
        transport_.add(kManifest, {.status = status, .headers = {}, .body = ""});
        EXPECT_EQ(get().status, status);
    }
}

TEST_F(RegistrySessionTest, ASinkThatHasTakenBytesIsNeverGivenThemAgain) {
    struct HalfTransport final : HttpTransport {
        HttpResponse perform(const HttpRequest& /*request*/, const Sink& sink) override {
            ++requests;
            sink({});
            if (requests > 1) sink("half");
            throw Error{Errc::truncated, "broke off"};
        }
        int requests = 0;
    } half;
    RegistrySession session{endpoint_, half, logins_, clock_, patience_};
    std::string got;
    EXPECT_THROW(session.perform({.path = "blobs/x", .most_bytes = 100}, [&](std::string_view bytes) { got += bytes; }),
                 Error);
    EXPECT_EQ(half.requests, 2);  // the first brought nothing
    EXPECT_EQ(got, "half");
}

TEST_F(RegistrySessionTest, ABodyIsSentAgainFromItsBeginningOrNotAtAll) {
    const std::string upload = "https://r.example/v2/a/b/blobs/uploads/";
    transport_.add(upload, {.status = 503, .headers = {}, .body = ""});
    transport_.add(upload, unauthorized(kBearer));
    transport_.add(upload, {.status = 202, .headers = {}, .body = ""});
    transport_.add(kToken, ok(R"({"token":"t"})"));
    std::string_view left = "content";
    RegistryRequest request{.method = "POST", .path = "blobs/uploads/"};
    request.actions = "pull,push";
    request.also_pull_from = {"c"};
    request.body = HttpBody{.size = 7, .next = [&](std::size_t most) {
                                const std::string_view piece = left.substr(0, most);
                                left.remove_prefix(piece.size());
                                return piece;
                            }};
    request.rewind = [&] { left = "content"; };
    EXPECT_EQ(session().perform(request, {}).status, 202);
    EXPECT_THAT(transport_.bodies, ElementsAre("content", "content", "", "content"));
    EXPECT_THAT(transport_.requests[2].url,
                HasSubstr("scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Ac%3Apull"));

    transport_.script.clear();
    transport_.requests.clear();
    transport_.add(upload, {.status = 503, .headers = {}, .body = ""});
    request.only_login_again = true;
    EXPECT_THROW(session().perform(request, {}), Error);
    EXPECT_EQ(transport_.requests.size(), 1U);
    request.only_login_again = false;
    request.rewind = {};
    EXPECT_THROW(session().perform(request, {}), Error);
    EXPECT_EQ(transport_.requests.size(), 2U);
}

}  // namespace
}  // namespace overdrive
