#include "integration/fetch/registry_fixture.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A whole fetch from a server that misbehaves in one way.
class RegistryFetch : public RegistryFixture {};

TEST_F(RegistryFetch, BringsTheWholeArtifactOverOneConnection) {
    const FetchResult fetched = fetch();
    EXPECT_EQ(fetched.driver_json, sample_.manifest().to_json());
    EXPECT_EQ(fetched.bytes_downloaded, sample_.user_space_layer().size() + sample_.modules_layer().size());
    EXPECT_EQ(registry_.connections(), 1);
    EXPECT_THAT(registry_.requests(), Contains(HasSubstr("User-Agent: overdrive/test")));
    EXPECT_EQ(registry_.requests().size(), 4U);  // index, manifest, two layers: nothing else is asked
}

TEST_F(RegistryFetch, C8_HasNoArtifactForAnUnknownTag) {
    EXPECT_FALSE(source_->resolve("4081.2.2-900.1.0", "amd64"));
    EXPECT_FALSE(source_->resolve(kTag, "arm64"));
}

TEST_F(RegistryFetch, C3_SaysDigestMismatchForAFlippedBit) {
    spoil(blob_path(sample_.user_space_layer()), [](auto& answer) { answer.body[answer.body.size() / 2] ^= 1; });
    expect_refused(Errc::digest_mismatch, "user-space blob sha256:");
}

TEST_F(RegistryFetch, C3_SaysDigestMismatchForAFlippedBitInTheModules) {
    spoil(blob_path(sample_.modules_layer()), [](auto& answer) { answer.body[answer.body.size() / 2] ^= 1; });
    expect_refused(Errc::digest_mismatch, "modules blob sha256:");
}

TEST_F(RegistryFetch, C2_StopsAnEndlessBody) {
    spoil(blob_path(sample_.user_space_layer()), [](auto& answer) { answer.endless = true; });
    expect_refused(Errc::digest_mismatch, "larger than");
}

TEST_F(RegistryFetch, C2_StopsAnEndlessManifest) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.endless = true; });
    expect_refused(Errc::bad_manifest, "larger than");
}

TEST_F(RegistryFetch, C3_NoticesAManifestThatIsNotWhatTheRegistrySays) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.body += " "; });
    expect_refused(Errc::digest_mismatch, "the registry says");
}

TEST_F(RegistryFetch, C3_NoticesAManifestThatIsNotWhatTheIndexSays) {
    spoil(path("manifests/" + manifest_digest_), [](auto& answer) {
        answer.headers.erase("Docker-Content-Digest");
        answer.body.back() = ' ';
    });
    expect_refused(Errc::digest_mismatch, manifest_digest_);
}

TEST_F(RegistryFetch, RefusesAPageThatIsNoManifest) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) {
        answer.headers = {{"Content-Type", "text/html; charset=utf-8"}};
        answer.body = "<html>please log in</html>";
    });
    expect_refused(Errc::bad_manifest, "text/html");
}

TEST_F(RegistryFetch, NamesABlobThatTheRegistryHasNot) {
    spoil(blob_path(sample_.user_space_layer()), [](auto& answer) { answer.status = 404; });
    expect_refused(Errc::incomplete_artifact, sha256_hex(sample_.user_space_layer()));
}

TEST_F(RegistryFetch, C9_SaysUnreachableForAServerError) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.status = 500; });
    expect_refused(Errc::unreachable, "HTTP 500");
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.status = 429; });
    expect_refused(Errc::unreachable, "too many requests");
}

TEST_F(RegistryFetch, C7_SaysThatTheRegistryAsksForALogin) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.status = 401; });
    expect_refused(Errc::login_refused, "asks for a login");
}

TEST_F(RegistryFetch, GivesUpOnABodyThatStalls) {
    spoil(user_space(), [](auto& answer) {
        answer.stall_in_body = true;
        answer.has_ranges = false;
    });
    expect_refused(Errc::unreachable, "stalled");
}

TEST_F(RegistryFetch, C5_GivesUpOnAServerThatNeverAnswers) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.stall_before_headers = true; });
    expect_refused(Errc::unreachable, "");
}

TEST_F(RegistryFetch, C10_SaysUnreachableWhenTheServerHangsUp) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.hang_up = true; });
    expect_refused(Errc::unreachable, "");
}

TEST_F(RegistryFetch, C10_SaysUnreachableWhenNobodyListens) {
    {
        const FakeRegistry gone;
        source_ = make_source({place(gone)});
    }
    expect_refused(Errc::unreachable, "127.0.0.1");
    EXPECT_THROW(static_cast<void>(source_->find_pair_index()), Error);
}

TEST_F(RegistryFetch, C10_SaysUnreachableWhenTheNameIsUnknown) {
    source_ = make_source({{.host = "registry.invalid", .repository = "a"}});
    expect_refused(Errc::unreachable, "registry.invalid");
}

class Redirects : public RegistryFetch {
protected:
    void redirect(const std::string& from, const std::string& to, int status = 307) {
        registry_.set(from, {.status = status, .headers = {{"Location", to}}, .body = ""});
    }
    HttpResponse get(const std::string& request_path, const std::vector<std::string>& headers = {}) {
        return transport_.perform({.method = "GET",
                                   .url = "http://" + registry_.host() + request_path,
                                   .headers = headers,
                                   .most_bytes = 100},
                                  {});
    }
    void expect_not_followed(const std::string& request_path, const std::string& words) {
        EXPECT_THAT(get(request_path).refused_redirect, HasSubstr(words));
    }
};

TEST_F(Redirects, C6_AreFollowedWithBlobs) {
    const std::string blob = blob_path(sample_.user_space_layer());
    registry_.set("/storage/blob", {.headers = {}, .body = sample_.user_space_layer()});
    redirect(blob, "/storage/blob");
    EXPECT_EQ(fetch().driver_json, sample_.manifest().to_json());
}

TEST_F(Redirects, C6_EndAfterFive) {
    registry_.set("/end", {.headers = {}, .body = "there"});
    for (int i = 0; i < 5; ++i)
        redirect("/r" + std::to_string(i), i == 4 ? "/end" : "/r" + std::to_string(i + 1), 301 + i % 3);
    EXPECT_EQ(get("/r0").body, "there");
    redirect("/r", "/r0");
    expect_not_followed("/r", "more than 5");
}

TEST_F(Redirects, C6_NeverLeaveHttp) {
    redirect("/a", "file:///etc/passwd");
    expect_not_followed("/a", "file:///etc/passwd");
    redirect("/a", "ftp://127.0.0.1/x");
    expect_not_followed("/a", "refused");
    for (const char* target : {"https://169.254.169.254/latest/meta-data", "https://[fe80::1]/", "https://0.0.0.0/",
                               "https://2852039166/", "https://[::ffff:169.254.169.254]/"}) {
        redirect("/a", target);
        expect_not_followed("/a", "refused");
    }
    redirect("/a", "http://registry.example/x");
    expect_not_followed("/a", "refused");
    redirect("/a", "http://127.0.0.1.registry.example/x");
    expect_not_followed("/a", "refused");
}

TEST_F(Redirects, C6_ThatAreRefusedAreNotAskedForAgain) {
    redirect(by_tag(), "file:///etc/passwd");
    expect_refused(Errc::unreachable, "it redirects to 'file:///etc/passwd', which is refused");
    EXPECT_THAT(registry_.requests(), testing::SizeIs(1));
}

TEST_F(Redirects, C6_DoNotCarryAuthorizationToAnotherHost) {
    registry_.set("/end", {.headers = {}, .body = "there"});
    redirect("/same", "/end");
    redirect("/other", "http://localhost:" + std::to_string(registry_.port()) + "/end");
    EXPECT_EQ(get("/same", {"Authorization: Bearer secret"}).body, "there");
    EXPECT_THAT(registry_.requests().back(), HasSubstr("Bearer secret"));
    EXPECT_EQ(get("/other", {"Authorization: Bearer secret"}).body, "there");
    EXPECT_THAT(registry_.requests().back(), Not(HasSubstr("secret")));
}

TEST_F(RegistryFetch, RefusesPlainHttpToAHostThatIsNotListed) {
    try {
        transport_.perform({.method = "GET", .url = "http://registry.example/v2/", .headers = {}, .most_bytes = 100},
                           {});
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unreachable);
        EXPECT_THAT(error.what(), HasSubstr("plain http"));
    }
}

TEST_F(RegistryFetch, SpeaksTlsToARegistryThatIsNotListed) {
    // The fake speaks no TLS; a client that fell back to plain http would get its answer.
    CurlTransport transport{{.connect_timeout = std::chrono::seconds{2}, .stall_timeout = std::chrono::seconds{2}}};
    EXPECT_THROW(
        transport.perform(
            {.method = "GET", .url = "https://" + registry_.host() + "/v2/", .headers = {}, .most_bytes = 100}, {}),
        Error);
    EXPECT_THAT(registry_.requests(), IsEmpty());
}

}  // namespace
}  // namespace overdrive
