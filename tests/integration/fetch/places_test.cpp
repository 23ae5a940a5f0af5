// Registries with mirrors, without what is asked for, that want a login, that are busy: rows C7 to C10 and C14.

#include <nlohmann/json.hpp>

#include "integration/fetch/registry_fixture.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class Places : public RegistryFixture {
protected:
    Places() {
        mirror_.serve_layout(dir_.path() + "/layout", kRepository);
        source_ = make_source({mirror(mirror_), place(registry_)});
    }
    static void answer_all(FakeRegistry& registry, int status, const std::string& body = "") {
        registry.behave_everywhere([=](FakeRegistry::Answer& answer, int /*nth*/, const std::string& /*head*/) {
            answer = {.status = status, .headers = {}, .body = body};
        });
    }
    FakeRegistry mirror_;
};

TEST_F(Places, AMirrorIsAskedFirstAndAlone) {
    expect_fetched();
    EXPECT_THAT(registry_.requests(), IsEmpty());
    const auto artifact = source_->resolve(kTag, "amd64");
    EXPECT_EQ(artifact->identity, registry_.host() + "/" + kRepository + ":" + kTag);
    EXPECT_TRUE(artifact->index_digest);
    EXPECT_EQ(artifact->manifest_digest.text(), manifest_digest_);
}

TEST_F(Places, AMirrorForDigestsOnlyIsNotAskedForTags) {
    Endpoint only_digests = mirror(mirror_);
    only_digests.for_tags = false;
    source_ = make_source({only_digests, place(registry_)});
    expect_fetched();
    EXPECT_THAT(mirror_.requests(by_tag()), IsEmpty());
    EXPECT_THAT(registry_.requests(user_space()), IsEmpty());
}

TEST_F(Places, C10_AMirrorThatFailsIsPassedOver) {
    for (const int status : {401, 403, 404, 500, 503}) {
        answer_all(mirror_, status);
        expect_fetched();
    }
    answer_all(mirror_, 200, "<html>");
    expect_fetched();
}

TEST_F(Places, C1_WhatBreaksOffAtTheMirrorGoesOnAtTheRegistry) {
    mirror_.behave(user_space(), [](FakeRegistry::Answer& answer, int nth, const std::string& /*head*/) {
        answer.cut_after = nth == 1 ? answer.body.size() / 2 : 0;
    });
    expect_fetched();
    EXPECT_THAT(mirror_.requests(user_space()), SizeIs(3));
    EXPECT_THAT(registry_.requests(user_space()), ElementsAre(HasSubstr("Range: bytes=")));
}

TEST_F(Places, C8_AMirrorWithoutABlobOrATagIsPassedOver) {
    mirror_.change(user_space(), [](auto& answer) { answer.status = 404; });
    expect_fetched();
    EXPECT_THAT(registry_.requests(), SizeIs(1));
    mirror_.change(by_tag(), [](auto& answer) { answer.status = 404; });
    expect_fetched();
}

TEST_F(Places, C8_OnlyTheRegistryItselfCanSayThatThereIsNoSuchTag) {
    registry_.set(by_tag(), {.status = 404, .headers = {}, .body = R"({"errors":[]})"});
    answer_all(mirror_, 503);
    EXPECT_FALSE(source_->resolve(kTag, "amd64"));
    answer_all(registry_, 503);
    answer_all(mirror_, 404, R"({"errors":[]})");
    expect_refused(Errc::unreachable, registry_.host() + " answers with HTTP 503");
    answer_all(mirror_, 500);
    expect_refused(Errc::unreachable, mirror_.host() + ": " + mirror_.host() + " answers with HTTP 500");
}

TEST_F(Places, C8_A404ThatIsNoRegistrysIsNotAnAnswer) {
    source_ = make_source({place(registry_)});
    answer_all(registry_, 404, "default backend - 404");
    expect_refused(Errc::unreachable, "not as a registry does");
    registry_.behave_everywhere([](FakeRegistry::Answer& answer, int /*nth*/, const std::string& head) {
        if (head.starts_with("GET /v2/ ")) answer = {.status = 200, .headers = {}, .body = "{}"};
        if (!head.starts_with("GET /v2/ ")) answer = {.status = 404, .headers = {}, .body = ""};
    });
    EXPECT_FALSE(source_->resolve(kTag, "amd64"));
}

TEST_F(Places, C3_AMirrorsManifestThatIsNotWhatItShouldBeIsPassedOver) {
    mirror_.change(path("manifests/" + manifest_digest_), [](auto& answer) {
        answer.headers.erase("Docker-Content-Digest");
        answer.body.back() = ' ';
    });
    expect_fetched();
    EXPECT_THAT(registry_.requests(), SizeIs(1));
}

TEST_F(Places, C9_BurstsOfBusyAnswersPass) {
    for (const int status : {429, 500, 502, 503, 504}) {
        mirror_.forget_requests();
        source_ = make_source({mirror(mirror_), place(registry_)});
        mirror_.behave_everywhere([=](FakeRegistry::Answer& answer, int nth, const std::string& /*head*/) {
            if (nth <= 2) answer = {.status = status, .headers = {{"Retry-After", "3"}}, .body = ""};
        });
        const auto before = clock_.slept;
        expect_fetched();
        EXPECT_GE(clock_.slept - before, std::chrono::seconds{4 * 2 * 3});
        EXPECT_THAT(registry_.requests(), IsEmpty());
    }
}

TEST_F(Places, C7_ALoginIsAskedForAndGiven) {
    logins_.logins[mirror_.host()] = {.user = "joe", .password = "secret", .origin = "'auth.json'"};
    mirror_.set("/token", {.headers = {}, .body = R"({"token":"good","expires_in":300})"});
    mirror_.behave_everywhere([this](FakeRegistry::Answer& answer, int /*nth*/, const std::string& head) {
        if (head.starts_with("GET /token")) {
            if (head.find("Authorization: Basic am9lOnNlY3JldA==") == std::string::npos) answer.status = 401;
            return;
        }
        if (head.find("Authorization: Bearer good") != std::string::npos) return;
        answer = {
            .status = 401,
            .headers = {{"WWW-Authenticate", "Bearer realm=\"http://" + mirror_.host() + "/token\",service=\"m\""}},
            .body = ""};
    });
    expect_fetched();
    EXPECT_THAT(mirror_.requests("/token?service=m&scope=repository%3Aoverdrive%2Fnvidia-coreos%3Apull&account=joe"),
                SizeIs(1));
    EXPECT_THAT(registry_.requests(), IsEmpty());
}

TEST_F(Places, C7_ATokenThatExpiresInTheMiddleOfADownloadIsFetchedAnew) {
    int tokens = 0;
    bool expired = false;
    mirror_.set("/token", {});
    mirror_.behave_everywhere([&](FakeRegistry::Answer& answer, int nth, const std::string& head) {
        if (head.starts_with("GET /token")) {
            answer.body = R"({"token":"t)" + std::to_string(++tokens) + R"("})";
            expired = false;
            return;
        }
        if (!expired && head.find("Authorization: Bearer t" + std::to_string(tokens)) != std::string::npos) {
            const bool is_large = head.starts_with("GET " + user_space());
            if (is_large && nth == 1) answer.cut_after = answer.body.size() / 2;
            expired = is_large && nth == 1;
            return;
        }
        answer = {.status = 401,
                  .headers = {{"WWW-Authenticate", "Bearer realm=\"http://" + mirror_.host() + "/token\""}},
                  .body = ""};
    });
    expect_fetched();
    EXPECT_EQ(tokens, 2);
    EXPECT_THAT(mirror_.requests(user_space()).back(), HasSubstr("Range: bytes="));
}

TEST_F(Places, C10_ADeadRegistryIsNotOneWithoutAnIndex) {
    source_ = make_source({place(registry_)});
    answer_all(registry_, 503);
    EXPECT_THROW(static_cast<void>(source_->find_pair_index()), Error);
    answer_all(registry_, 404, R"({"errors":[]})");
    EXPECT_FALSE(source_->find_pair_index());
}

class Signatures : public RegistryFixture {
protected:
    Signatures() { artifact_ = source_->resolve(kTag, "amd64"); }
    std::string digest_of(const std::string& text) { return "sha256:" + sha256_hex(text); }
    nlohmann::json signature_manifest(const std::vector<std::string>& payloads, const std::string& subject = "") {
        nlohmann::json manifest{
            {"schemaVersion", 2},
            {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
            {"config",
             {{"mediaType", "application/vnd.oci.image.config.v1+json"}, {"digest", digest_of("{}")}, {"size", 2}}},
            {"layers", nlohmann::json::array()}};
        for (const std::string& payload : payloads) {
            manifest["layers"].push_back({{"mediaType", "application/vnd.dev.cosign.simplesigning.v1+json"},
                                          {"digest", digest_of(payload)},
                                          {"size", payload.size()},
                                          {"annotations", {{"dev.cosignproject.cosign/signature", "sig-" + payload}}}});
            registry_.set(path("blobs/" + digest_of(payload)), {.headers = {}, .body = payload});
        }
        if (!subject.empty()) {
            manifest["artifactType"] = "application/vnd.dev.cosign.artifact.sig.v1+json";
            manifest["subject"] = {
                {"mediaType", "application/vnd.oci.image.manifest.v1+json"}, {"digest", subject}, {"size", 1}};
        }
        return manifest;
    }
    void serve_manifest(const std::string& reference, const std::string& body, const std::string& type = "manifest") {
        registry_.set(path("manifests/" + reference),
                      {.headers = {{"Content-Type", "application/vnd.oci.image." + type + ".v1+json"}}, .body = body});
    }
    std::vector<std::string> found() {
        std::vector<std::string> out;
        for (const ImageSignature& signature : source_->signatures(artifact_.value(), enough_))
            out.push_back(signature.payload + "=" + signature.base64);
        return out;
    }
    std::optional<ResolvedArtifact> artifact_;
    ArtifactSource::Enough enough_;
};

TEST_F(Signatures, AreNoneWhereThereAreNone) { EXPECT_THAT(found(), IsEmpty()); }

TEST_F(Signatures, OfManifestAndIndexAreFoundByTheirTags) {
    serve_manifest("sha256-" + std::string{artifact_->manifest_digest.hex()} + ".sig",
                   signature_manifest({"a", "b"}).dump());
    serve_manifest("sha256-" + std::string{artifact_->index_digest->hex()} + ".sig", signature_manifest({"c"}).dump());
    EXPECT_THAT(found(), ElementsAre("a=sig-a", "b=sig-b", "c=sig-c"));
}

TEST_F(Signatures, AreAskedForUntilTheyAreEnoughAndByTheirTagsFirst) {
    enough_ = [](const std::vector<ImageSignature>& found) { return found.back().payload == "c"; };
    const std::string manifest = "sha256-" + std::string{artifact_->manifest_digest.hex()} + ".sig";
    const std::string index = "sha256-" + std::string{artifact_->index_digest->hex()} + ".sig";
    serve_manifest(manifest, signature_manifest({"c"}).dump());
    registry_.forget_requests();
    EXPECT_THAT(found(), ElementsAre("c=sig-c"));
    EXPECT_EQ(registry_.requests().size(), 2U) << "the tag and the payload";

    serve_manifest(manifest, signature_manifest({"a"}).dump());
    serve_manifest(index, signature_manifest({"c"}).dump());
    registry_.forget_requests();
    EXPECT_THAT(found(), ElementsAre("a=sig-a", "c=sig-c"));
    EXPECT_EQ(registry_.requests().size(), 4U);

    serve_manifest(index, signature_manifest({"b"}).dump());
    EXPECT_THAT(found(), ElementsAre("a=sig-a", "b=sig-b")) << "never enough: everything is asked for";
    EXPECT_EQ(registry_.requests(path("referrers/" + artifact_->index_digest->text())).size(), 1U);
}

TEST_F(Signatures, AreNotAskedForWhereTheManifestCarriesThem) {
    enough_ = [](const std::vector<ImageSignature>& /*found*/) { return true; };
    nlohmann::json manifest = signature_manifest({"a"});
    manifest["layers"][0]["data"] = "YQ==";
    serve_manifest("sha256-" + std::string{artifact_->manifest_digest.hex()} + ".sig", manifest.dump());
    registry_.forget_requests();
    EXPECT_THAT(found(), ElementsAre("a=sig-a"));
    EXPECT_EQ(registry_.requests().size(), 1U);
}

TEST_F(Signatures, AreFoundAmongReferrersByApiAndByTag) {
    const std::string image = artifact_->manifest_digest.text();
    const std::string signature = signature_manifest({"a"}, image).dump();
    serve_manifest(digest_of(signature), signature);
    const nlohmann::json list{{"schemaVersion", 2},
                              {"mediaType", "application/vnd.oci.image.index.v1+json"},
                              {"manifests",
                               {{{"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                                 {"digest", digest_of(signature)},
                                 {"size", signature.size()},
                                 {"artifactType", "application/vnd.dev.cosign.artifact.sig.v1+json"}}}}};
    serve_manifest("sha256-" + std::string{artifact_->manifest_digest.hex()}, list.dump(), "index");
    EXPECT_THAT(found(), ElementsAre("a=sig-a"));
    registry_.set(path("referrers/" + image),
                  {.headers = {{"Content-Type", "application/vnd.oci.image.index.v1+json"}}, .body = list.dump()});
    registry_.set(path("manifests/sha256-" + std::string{artifact_->manifest_digest.hex()}), {.status = 404});
    EXPECT_THAT(found(), ElementsAre("a=sig-a"));
    // One that claims another subject is nobody's.
    const std::string other = signature_manifest({"a"}, "sha256:" + std::string(64, '1')).dump();
    nlohmann::json lying = list;
    lying["manifests"][0]["digest"] = digest_of(other);
    lying["manifests"][0]["size"] = other.size();
    serve_manifest(digest_of(other), other);
    registry_.change(path("referrers/" + image), [&](auto& answer) { answer.body = lying.dump(); });
    EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Signatures, OfARegistryThatDiesAreNotTakenForNone) {
    registry_.behave_everywhere(
        [](FakeRegistry::Answer& answer, int /*nth*/, const std::string& /*head*/) { answer.status = 503; });
    EXPECT_THROW(static_cast<void>(source_->signatures(artifact_.value(), enough_)), Error);
}

TEST_F(Signatures, AreNoneWhereTheMirrorHasNoneAndTheRegistryCannotBeReached) {
    FakeRegistry mirrored;
    mirrored.serve_layout(dir_.path() + "/layout", kRepository);
    source_ = make_source({mirror(mirrored), place(registry_)});
    registry_.behave_everywhere(
        [](FakeRegistry::Answer& answer, int /*nth*/, const std::string& /*head*/) { answer.status = 503; });
    EXPECT_THAT(found(), IsEmpty());
    expect_fetched();
}

TEST_F(Signatures, ThatAreNotWhatTheirDigestSaysAreRefused) {
    serve_manifest("sha256-" + std::string{artifact_->manifest_digest.hex()} + ".sig",
                   signature_manifest({"aa"}).dump());
    registry_.change(path("blobs/" + digest_of("aa")), [](auto& answer) { answer.body = "ab"; });
    EXPECT_THROW(static_cast<void>(found()), Error);
}

}  // namespace
}  // namespace overdrive
