#include "builder-images/artifact/transfer/referrer_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "builder-images/artifact/manifest_links.hpp"
#include "builder-images/artifact/transfer/signature_set.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {
namespace {

const Attachment kSbom{"application/vnd.cyclonedx+json", "application/vnd.cyclonedx+json", "sbom.json", "{}\n"};

BlobDescriptor image() { return {kIndexType, Digest::from_hex(std::string(64, 'a')), 42, {}}; }

TEST(ReferrerList, NamesTheImageAsItsSubjectAndTheFileAsItsLayer) {
    const RawManifest referrer = referrer_manifest(image(), kSbom);

    const ManifestLinks links = links_of(referrer);
    EXPECT_EQ(links.subject, image().digest);
    ASSERT_EQ(links.blobs.size(), 2U);
    EXPECT_EQ(links.blobs[0].digest.hex(), sha256_hex(kEmptyContent));
    EXPECT_EQ(links.blobs[1].digest.hex(), sha256_hex(kSbom.content));
    EXPECT_EQ(links.blobs[1].annotations.at("org.opencontainers.image.title"), "sbom.json");
    EXPECT_EQ(referrer.digest, referrer_manifest(image(), kSbom).digest);
}

TEST(ReferrerList, GrowsByWhatItLacksAndKeepsEntriesOfOthersAsTheyAre) {
    const RawManifest referrer = referrer_manifest(image(), kSbom);
    auto theirs = nlohmann::ordered_json::parse(add_referrer(std::nullopt, referrer, kSbom)->bytes);
    theirs["manifests"][0]["digest"] = "sha256:" + std::string(64, 'b');
    theirs["manifests"][0]["annotations"] = {{"of", "others"}};
    const RawManifest before{theirs.dump(), kIndexType, Digest::from_hex(sha256_hex(theirs.dump()))};

    const auto grown = add_referrer(before, referrer, kSbom);
    ASSERT_TRUE(grown);
    const auto after = nlohmann::ordered_json::parse(grown->bytes);
    EXPECT_EQ(after["manifests"].size(), 2U);
    EXPECT_EQ(after["manifests"][0], theirs["manifests"][0]);
    EXPECT_FALSE(add_referrer(grown, referrer, kSbom));
}

TEST(ReferrerList, IsReadByType) {
    const Attachment other{"application/x-other", "text/plain", "other", "text"};
    const auto first = add_referrer(std::nullopt, referrer_manifest(image(), kSbom), kSbom);
    const auto list = add_referrer(first, referrer_manifest(image(), other), other);
    ASSERT_TRUE(list);

    const auto found = listed_referrers(list->bytes, other.artifact_type);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].digest, referrer_manifest(image(), other).digest);
    EXPECT_TRUE(listed_referrers(list->bytes, "application/x-none").empty());
    EXPECT_THROW(static_cast<void>(listed_referrers("<html>", "any")), Error);
}

TEST(ReferrerList, AnAttestationIsALayerThatCosignTakesForOne) {
    const SignatureSet set = attestation_set("envelope", "https://slsa.dev/provenance/v1");

    const BlobDescriptor layer = links_of(set.manifest).blobs.at(1);
    EXPECT_EQ(layer.media_type, kEnvelopeType);
    EXPECT_EQ(layer.digest.hex(), sha256_hex("envelope"));
    EXPECT_EQ(layer.annotations.at("predicateType"), "https://slsa.dev/provenance/v1");
    EXPECT_TRUE(layer.annotations.contains("dev.cosignproject.cosign/signature"));
}

}  // namespace
}  // namespace overdrive
