// What libcurl is told: bodies, header lines, TLS files, proxies.

#include "integration/fetch/registry_fixture.hpp"

namespace overdrive {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Transport : public RegistryFixture {
protected:
    static HttpBody body(std::string_view& left) {
        return {.size = left.size(), .next = [&left](std::size_t most) {
                    const std::string_view piece = left.substr(0, std::min<std::size_t>(most, 3));
                    left.remove_prefix(piece.size());
                    return piece;
                }};
    }
    HttpResponse send(const std::string& method, std::optional<HttpBody> content = {}) {
        HttpRequest request{.method = method, .url = "http://" + registry_.host() + "/upload", .headers = {}};
        request.body = std::move(content);
        return transport_.perform(request, {});
    }
    void expect_failure(const HttpRequest& request, Errc code, const std::string& words) {
        try {
            transport_.perform(request, {});
            ADD_FAILURE() << "no failure";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), code) << error.what();
            EXPECT_THAT(error.what(), AllOf(HasSubstr(words), Not(HasSubstr("secret"))));
        }
    }
};

TEST_F(Transport, SendsBodiesAsTheyCome) {
    registry_.set("/upload", {.status = 201, .headers = {{"Location", "/blob"}}, .body = "ignored"});
    for (const char* method : {"PUT", "POST", "PATCH"}) {
        std::string_view content = "the content";
        const HttpResponse response = send(method, body(content));
        EXPECT_EQ(response.status, 201);
        EXPECT_EQ(response.headers.at("location"), "/blob");
        EXPECT_EQ(response.body, "");
        EXPECT_THAT(registry_.requests().back(), AllOf(HasSubstr(std::string{method} + " /upload HTTP/1.1"),
                                                       HasSubstr("Content-Length: 11"), Not(HasSubstr("Expect:"))));
    }
    EXPECT_THAT(registry_.bodies(), ElementsAre("the content", "the content", "the content"));
    EXPECT_EQ(registry_.connections(), 1);
    send("POST");
    EXPECT_THAT(registry_.requests().back(), HasSubstr("Content-Length: 0"));
}

TEST_F(Transport, ABodyThatIsShorterThanAnnouncedIsNeverSentAsWhole) {
    registry_.set("/upload", {.status = 201});
    std::string_view content = "short";
    HttpBody shorter = body(content);
    shorter.size = 10;
    EXPECT_THROW(send("PUT", std::move(shorter)), Error);
}

TEST_F(Transport, AnUploadIsNeverRedirected) {
    registry_.set("/upload", {.status = 307, .headers = {{"Location", "/elsewhere"}}, .body = ""});
    std::string_view content = "x";
    EXPECT_EQ(send("PUT", body(content)).status, 307);
    EXPECT_EQ(registry_.requests().size(), 1U);
}

TEST_F(Transport, TellsTheHeadBeforeTheBody) {
    registry_.set("/blob", {.headers = {{"ETag", "\"a\""}}, .body = "bytes"});
    std::vector<std::string> order;
    HttpRequest request{.url = "http://" + registry_.host() + "/blob", .headers = {}, .most_bytes = 100};
    request.on_head = [&](const HttpResponse& head) {
        order.push_back(std::to_string(head.status) + head.headers.at("etag"));
    };
    transport_.perform(request, [&](std::string_view bytes) {
        if (!bytes.empty()) order.emplace_back(bytes);
    });
    EXPECT_THAT(order, ElementsAre("200\"a\"", "bytes"));
    registry_.change("/blob", [](auto& answer) { answer.body = ""; });
    order.clear();
    transport_.perform(request, {});
    EXPECT_THAT(order, ElementsAre("200\"a\""));
}

TEST_F(Transport, NamesTheUrlThatAnsweredAfterARedirect) {
    registry_.set("/from", {.status = 307, .headers = {{"Location", "/to"}}, .body = ""});
    registry_.set("/to", {.status = 401, .headers = {}, .body = ""});
    const std::string base = "http://" + registry_.host();
    EXPECT_EQ(transport_.perform({.url = base + "/from", .headers = {}, .most_bytes = 9}, {}).url, base + "/to");
    EXPECT_EQ(transport_.perform({.url = base + "/to", .headers = {}, .most_bytes = 9}, {}).url, "");
}

TEST_F(Transport, C11_TlsFilesThatCannotBeReadAreNamed) {
    HttpRequest request{.url = "https://registry.invalid/", .headers = {}, .most_bytes = 9};
    request.tls.authorities = {"/nowhere/ca.crt"};
    expect_failure(request, Errc::config, "certificate authority '/nowhere/ca.crt': No such file");
    request.tls = {
        .authorities = {}, .client_certificate = "/nowhere/client.cert", .client_key = "/nowhere/client.key"};
    expect_failure(request, Errc::config, "client certificate '/nowhere/client.cert': No such file");
}

TEST_F(Transport, C11_AServerThatSpeaksNoTlsIsNotSpokenToInPlainHttp) {
    expect_failure({.url = "https://" + registry_.host() + "/", .headers = {}, .most_bytes = 9}, Errc::tls_refused,
                   "does not speak TLS");
    EXPECT_THAT(registry_.requests(), testing::IsEmpty());
}

TEST_F(Transport, C10_AProxyThatIsDownIsToldWithoutItsPassword) {
    CurlTransport through{{.insecure_registries = {"registry.example"},
                           .connect_timeout = std::chrono::seconds{2},
                           .stall_timeout = std::chrono::seconds{2},
                           .proxy = "http://joe:secret@127.0.0.1:1"}};
    try {
        through.perform({.url = "http://registry.example/v2/", .headers = {}, .most_bytes = 9}, {});
        FAIL() << "answered";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unreachable);
        EXPECT_THAT(error.what(), AllOf(HasSubstr("127.0.0.1"), Not(HasSubstr("secret"))));
    }
    // Loopback is never asked for through it.
    registry_.set("/here", {.headers = {}, .body = "here"});
    EXPECT_EQ(through.perform({.url = "http://" + registry_.host() + "/here", .headers = {}, .most_bytes = 9}, {}).body,
              "here");
}

TEST_F(Transport, C10_AProxyGetsThePlainRequest) {
    CurlTransport through{{.insecure_registries = {"registry.example"}, .proxy = "http://" + registry_.host()}};
    registry_.set("http://registry.example/v2/", {.headers = {}, .body = "proxied"});
    EXPECT_EQ(through.perform({.url = "http://registry.example/v2/", .headers = {}, .most_bytes = 9}, {}).body,
              "proxied");
}

}  // namespace
}  // namespace overdrive
