#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "integration/fetch/fake_registry.hpp"
#include "registry/curl_transport.hpp"
#include "registry/make_source.hpp"
#include "store/fetch.hpp"
#include "support/loopback_access.hpp"
#include "support/temporary_root.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kRepository = "overdrive/nvidia-coreos";
constexpr const char* kTag = "4081.2.1-900.1.0";

/// A whole fetch, through libcurl, from a server that misbehaves in one way.
class RegistryFetch : public testing::Test {
protected:
    RegistryFetch() {
        store_.prepare();
        manifest_digest_ = sample_.write_layout(dir_.path() + "/layout", {kTag});
        registry_.serve_layout(dir_.path() + "/layout", kRepository);
        source_ = make_source("docker://" + registry_.host() + "/overdrive/nvidia-{os_id}", access_, "coreos");
    }

    std::string path(const std::string& rest) { return std::string{"/v2/"} + kRepository + "/" + rest; }
    std::string blob_path(const std::string& layer) { return path("blobs/sha256:" + sha256_hex(layer)); }
    void spoil(const std::string& request_path, const std::function<void(FakeRegistry::Answer&)>& body) {
        registry_.change(request_path, body);
    }
    FetchResult fetch() {
        const auto artifact = source_->resolve(kTag, "amd64");
        if (!artifact) throw Error{Errc::no_artifact, "no such tag"};
        const Staging staging = store_.make_staging();
        return fetch_artifact(*source_, *artifact, staging, store_, progress_, {});
    }
    void expect_refused(Errc code, const std::string& words) {
        const auto begin = std::chrono::steady_clock::now();
        try {
            fetch();
            ADD_FAILURE() << "accepted; wanted " << reason_code(code);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), code) << error.what();
            EXPECT_THAT(error.what(), HasSubstr(words));
        }
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{15});
        EXPECT_THAT(dir_.tree("opt/nvidia/.overdrive/staging"), IsEmpty());
    }

    TemporaryRoot dir_;
    SampleArtifact sample_;
    FakeRegistry registry_;
    CurlTransport transport_{{.insecure_registries = {},
                              .ca_file = {},
                              .user_agent = "overdrive/test",
                              .connect_timeout = std::chrono::seconds{3},
                              .stall_timeout = std::chrono::seconds{2}}};
    LoopbackAccess access_{transport_};
    Store store_{dir_.root()};
    FakeProgress progress_;
    std::unique_ptr<ArtifactSource> source_;
    std::string manifest_digest_;
};

TEST_F(RegistryFetch, BringsTheWholeArtifactOverOneConnection) {
    const FetchResult fetched = fetch();
    EXPECT_EQ(fetched.driver_json, sample_.manifest().to_json());
    EXPECT_EQ(fetched.bytes_downloaded, sample_.user_space_layer().size() + sample_.modules_layer().size());
    EXPECT_EQ(registry_.connections(), 1);
    EXPECT_THAT(registry_.requests(), Contains(HasSubstr("User-Agent: overdrive/test")));
    EXPECT_EQ(registry_.requests().size(), 4U);  // index, manifest, two layers: nothing else is asked
}

TEST_F(RegistryFetch, HasNoArtifactForAnUnknownTag) {
    EXPECT_FALSE(source_->resolve("4081.2.2-900.1.0", "amd64"));
    EXPECT_FALSE(source_->resolve(kTag, "arm64"));
}

TEST_F(RegistryFetch, SaysTruncatedForACutBody) {
    spoil(blob_path(sample_.user_space_layer()), [](auto& answer) { answer.cut_after = answer.body.size() / 2; });
    expect_refused(Errc::truncated, "broke off");
}

TEST_F(RegistryFetch, SaysTruncatedForABodyThatEndsWithTheConnection) {
    spoil(blob_path(sample_.user_space_layer()), [](auto& answer) {
        answer.announce_length = false;
        answer.cut_after = answer.body.size() / 2;
    });
    expect_refused(Errc::truncated, "ended after");
}

TEST_F(RegistryFetch, SaysDigestMismatchForAFlippedBit) {
    spoil(blob_path(sample_.user_space_layer()), [](auto& answer) { answer.body[answer.body.size() / 2] ^= 1; });
    expect_refused(Errc::digest_mismatch, "user-space blob sha256:");
}

TEST_F(RegistryFetch, SaysDigestMismatchForAFlippedBitInTheModules) {
    spoil(blob_path(sample_.modules_layer()), [](auto& answer) { answer.body[answer.body.size() / 2] ^= 1; });
    expect_refused(Errc::digest_mismatch, "modules blob sha256:");
}

TEST_F(RegistryFetch, StopsAnEndlessBody) {
    spoil(blob_path(sample_.user_space_layer()), [](auto& answer) { answer.endless = true; });
    expect_refused(Errc::digest_mismatch, "larger than");
}

TEST_F(RegistryFetch, StopsAnEndlessManifest) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.endless = true; });
    expect_refused(Errc::bad_manifest, "larger than");
}

TEST_F(RegistryFetch, NoticesAManifestThatIsNotWhatTheRegistrySays) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.body += " "; });
    expect_refused(Errc::digest_mismatch, "the registry says");
}

TEST_F(RegistryFetch, NoticesAManifestThatIsNotWhatTheIndexSays) {
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

TEST_F(RegistryFetch, SaysUnreachableForAServerError) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.status = 500; });
    expect_refused(Errc::unreachable, "HTTP 500");
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.status = 429; });
    expect_refused(Errc::unreachable, "too many requests");
}

TEST_F(RegistryFetch, SaysThatTheRegistryAsksForALogin) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.status = 401; });
    expect_refused(Errc::unreachable, "asks for a login");
}

TEST_F(RegistryFetch, GivesUpOnABodyThatStalls) {
    spoil(blob_path(sample_.user_space_layer()), [](auto& answer) { answer.stall_in_body = true; });
    expect_refused(Errc::unreachable, "stalled");
}

TEST_F(RegistryFetch, GivesUpOnAServerThatNeverAnswers) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.stall_before_headers = true; });
    expect_refused(Errc::unreachable, "");
}

TEST_F(RegistryFetch, SaysUnreachableWhenTheServerHangsUp) {
    spoil(path("manifests/" + std::string{kTag}), [](auto& answer) { answer.hang_up = true; });
    expect_refused(Errc::unreachable, "");
}

TEST_F(RegistryFetch, SaysUnreachableWhenNobodyListens) {
    {
        const FakeRegistry gone;
        source_ = make_source("docker://" + gone.host() + "/a", access_, "coreos");
    }
    expect_refused(Errc::unreachable, "127.0.0.1");
    EXPECT_TRUE(source_->some_tags().empty());
}

TEST_F(RegistryFetch, SaysUnreachableWhenTheNameIsUnknown) {
    source_ = make_source("docker://registry.invalid/a", access_, "coreos");
    expect_refused(Errc::unreachable, "registry.invalid");
}

TEST_F(RegistryFetch, ListsTagsInOneRequest) {
    registry_.set(path("tags/list?n=1000"), {.headers = {}, .body = R"({"name":"x","tags":["a","b"]})"});
    EXPECT_EQ(source_->some_tags(), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(registry_.requests().size(), 1U);
    registry_.set(path("tags/list?n=1000"), {.headers = {}, .body = R"({"name":"x","tags":null})"});
    EXPECT_TRUE(source_->some_tags().empty());
    registry_.set(path("tags/list?n=1000"), {.headers = {}, .body = "x", .endless = true});
    EXPECT_TRUE(source_->some_tags().empty());
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
    void expect_unreachable(const std::string& request_path, const std::string& words) {
        try {
            get(request_path);
            ADD_FAILURE() << "accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::unreachable) << error.what();
            EXPECT_THAT(error.what(), HasSubstr(words));
        }
    }
};

TEST_F(Redirects, AreFollowedWithBlobs) {
    const std::string blob = blob_path(sample_.user_space_layer());
    registry_.set("/storage/blob", {.headers = {}, .body = sample_.user_space_layer()});
    redirect(blob, "/storage/blob");
    EXPECT_EQ(fetch().driver_json, sample_.manifest().to_json());
}

TEST_F(Redirects, EndAfterFive) {
    registry_.set("/end", {.headers = {}, .body = "there"});
    for (int i = 0; i < 5; ++i)
        redirect("/r" + std::to_string(i), i == 4 ? "/end" : "/r" + std::to_string(i + 1), 301 + i % 3);
    EXPECT_EQ(get("/r0").body, "there");
    redirect("/r", "/r0");
    expect_unreachable("/r", "more than 5");
}

TEST_F(Redirects, NeverLeaveHttp) {
    redirect("/a", "file:///etc/passwd");
    expect_unreachable("/a", "file:///etc/passwd");
    redirect("/a", "ftp://127.0.0.1/x");
    expect_unreachable("/a", "refused");
    redirect("/a", "http://registry.example/x");
    expect_unreachable("/a", "refused");
    redirect("/a", "http://127.0.0.1.registry.example/x");
    expect_unreachable("/a", "refused");
}

TEST_F(Redirects, DoNotCarryAuthorizationToAnotherHost) {
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
