#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/pair.hpp"
#include "registry/layout_source.hpp"
#include "registry/signature_manifest.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"
#include "support/temporary_root.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";
constexpr const char* kTag = "4081.2.1-900.1.0";

/// A layout with one artifact, to which signatures are added as the tools leave them.
class LayoutSignatures : public testing::Test {
protected:
    LayoutSignatures() {
        sample_.write_layout(dir_.path() + "/layout", {kTag});
        const auto artifact = source().resolve(kTag, "amd64");
        manifest_ = artifact->manifest_digest;
        index_ = artifact->index_digest;
    }

    OciLayoutSource source() { return OciLayoutSource{parse_source_name("oci:" + dir_.path() + "/layout")}; }
    json put(const std::string& bytes, const std::string& type) {
        const std::string hex = sha256_hex(bytes);
        dir_.write("layout/blobs/sha256/" + hex, bytes);
        return {{"mediaType", type}, {"digest", "sha256:" + hex}, {"size", bytes.size()}};
    }
    /// A manifest with one signature for each payload.
    json signatures(const std::vector<std::string>& payloads, const std::optional<Digest>& subject = {}) {
        json layers = json::array();
        for (const std::string& payload : payloads) {
            layers.push_back(put(payload, kSignaturePayloadType));
            layers.back()["annotations"] = {{kSignatureAnnotation, "signature of " + payload}};
        }
        json manifest{{"schemaVersion", 2},
                      {"mediaType", kManifestType},
                      {"config", put("{}", kSignatureArtifactType)},
                      {"layers", layers}};
        if (subject) manifest["subject"] = {{"mediaType", kIndexType}, {"digest", subject->text()}, {"size", 100}};
        return put(manifest.dump(), kManifestType);
    }
    void add_entry(json entry, const std::string& tag) {
        json top = json::parse(dir_.root().read_file("layout/index.json").value());
        if (!tag.empty()) entry["annotations"] = {{"org.opencontainers.image.ref.name", tag}};
        top["manifests"].push_back(std::move(entry));
        dir_.write("layout/index.json", top.dump());
    }
    std::vector<std::string> payloads() {
        OciLayoutSource layout = source();
        std::vector<std::string> out;
        for (const ImageSignature& signature : layout.signatures(*layout.resolve(kTag, "amd64"), {})) {
            EXPECT_EQ(signature.base64, "signature of " + signature.payload);
            out.push_back(signature.payload);
        }
        return out;
    }

    TemporaryRoot dir_;
    SampleArtifact sample_;
    std::optional<Digest> manifest_;
    std::optional<Digest> index_;
};

TEST_F(LayoutSignatures, AnIndexIsRememberedForTheArtifactBelowIt) {
    ASSERT_TRUE(index_);
    EXPECT_NE(index_, manifest_);
}

TEST_F(LayoutSignatures, AnArtifactWithoutAnyHasNone) { EXPECT_THAT(payloads(), IsEmpty()); }

TEST_F(LayoutSignatures, AreFoundByCosignsTagOfIndexAndManifest) {
    add_entry(signatures({"m1"}), signature_tag(*manifest_));
    add_entry(signatures({"i1", "i2"}), "registry.example/overdrive:" + signature_tag(*index_));
    EXPECT_THAT(payloads(), ElementsAre("i1", "i2", "m1"));
}

TEST_F(LayoutSignatures, AreFoundAsReferrersInTheIndexWhenTheImageIsTheirSubject) {
    json ours = signatures({"ours"}, index_);
    ours["artifactType"] = kSignatureArtifactType;
    json of_another = signatures({"of another"}, Digest::from_hex(std::string(64, '9')));
    of_another["artifactType"] = kSignatureArtifactType;
    add_entry(ours, "");
    add_entry(of_another, "");
    EXPECT_THAT(payloads(), ElementsAre("ours"));
}

TEST_F(LayoutSignatures, AreFoundByTheReferrersTag) {
    json entry = signatures({"listed"}, manifest_);
    entry["artifactType"] = kSignatureArtifactType;
    const json index{{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", {entry}}};
    add_entry(put(index.dump(), kIndexType), referrers_tag(*manifest_));
    EXPECT_THAT(payloads(), ElementsAre("listed"));
}

TEST_F(LayoutSignatures, D5OfTooManyTheLastAreKept) {
    std::vector<std::string> many;
    for (int i = 0; i < 100; ++i) many.push_back("p" + std::to_string(i));
    add_entry(signatures(many), signature_tag(*manifest_));
    const auto kept = payloads();
    ASSERT_EQ(kept.size(), kMostSignatures);
    EXPECT_EQ(kept.front(), "p36");
    EXPECT_EQ(kept.back(), "p99");
}

TEST_F(LayoutSignatures, D5APayloadThatDoesNotHashToItsDigestIsRefused) {
    add_entry(signatures({"true"}), signature_tag(*manifest_));
    dir_.write("layout/blobs/sha256/" + sha256_hex("true"), "fake");
    try {
        static_cast<void>(payloads());
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::digest_mismatch) << error.what();
    }
}

}  // namespace
}  // namespace overdrive
