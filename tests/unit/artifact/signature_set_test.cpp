#include "builder-images/artifact/transfer/signature_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "builder-images/artifact/manifest_links.hpp"
#include "registry/signature_manifest.hpp"
#include "support/sha256.hpp"

namespace overdrive {
namespace {

TEST(SignatureSet, IsReadByWhatTheNodeReadsSignaturesWith) {
    const SignatureSet set = signature_set("payload", "c2ln");

    const auto layers = parse_signature_manifest(set.manifest.bytes, set.manifest.media_type, "set");
    ASSERT_EQ(layers.size(), 1U);
    EXPECT_EQ(layers[0].digest.hex(), sha256_hex("payload"));
    EXPECT_EQ(layers[0].size, 7U);
    EXPECT_EQ(layers[0].base64, "c2ln");
    EXPECT_EQ(layers[0].payload, "payload") << "no request for it";
}

TEST(SignatureSet, GrowsAndNeverLosesALayer) {
    const RawManifest first = signature_set("one", "c2ln").manifest;
    const auto grown = add_to_set(first, signature_set("two", "c2ln").manifest);

    ASSERT_TRUE(grown);
    EXPECT_EQ(signatures_in(grown->manifest), 2U);
    EXPECT_EQ(links_of(grown->manifest).blobs.at(1).digest.hex(), sha256_hex("one"));
    EXPECT_EQ(links_of(grown->manifest).blobs.at(0).digest.hex(), sha256_hex(grown->config));
}

TEST(SignatureSet, TakesOnePayloadOfTwoKeysAsTwoAndTheSameOneOnce) {
    const RawManifest first = signature_set("one", "c2ln").manifest;

    EXPECT_FALSE(add_to_set(first, first));
    EXPECT_TRUE(add_to_set(first, signature_set("one", "b3RoZXI=").manifest));
}

TEST(SignatureSet, KeepsWhatOthersHaveWrittenBesideALayer) {
    auto document = nlohmann::ordered_json::parse(signature_set("one", "c2ln").manifest.bytes);
    document["layers"][0]["annotations"]["dev.sigstore.cosign/bundle"] = "{}";
    document["annotations"] = {{"theirs", "kept"}};
    const std::string bytes = document.dump();
    const RawManifest theirs{bytes, kManifestType, Digest::from_hex(sha256_hex(bytes))};

    const auto grown = add_to_set(theirs, signature_set("two", "c2ln").manifest);
    ASSERT_TRUE(grown);
    const auto after = nlohmann::ordered_json::parse(grown->manifest.bytes);
    EXPECT_EQ(after["layers"][0], document["layers"][0]);
    EXPECT_EQ(after["annotations"], document["annotations"]);
}

TEST(SignatureSet, MakesReferrersOfWhatDoesNotReferYet) {
    const RawManifest image{"{}", kManifestType, Digest::from_hex(sha256_hex("{}"))};
    const RawManifest both =
        add_to_set(signature_set("one", "c2ln").manifest, signature_set("two", "c2ln").manifest)->manifest;

    const auto first = referrers_of(image, both, {});
    ASSERT_EQ(first.size(), 2U);
    EXPECT_EQ(links_of(first[0].manifest).subject, image.digest);
    EXPECT_EQ(links_of(first[0].manifest).config_media_type, kSignatureArtifactType);
    EXPECT_TRUE(referrers_of(image, both, {first[0].manifest, first[1].manifest}).empty());
}

}  // namespace
}  // namespace overdrive
