#include "registry/signature_manifest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";

std::string digest(char digit) { return "sha256:" + std::string(64, digit); }

json signature(const std::string& base64, char digit = 'a') {
    return {{"mediaType", kSignaturePayloadType},
            {"digest", digest(digit)},
            {"size", 235},
            {"annotations", {{kSignatureAnnotation, base64}}}};
}

json manifest(json layers) {
    return {
        {"schemaVersion", 2},
        {"mediaType", kManifest},
        {"config", {{"mediaType", "application/vnd.oci.image.config.v1+json"}, {"digest", digest('c')}, {"size", 2}}},
        {"layers", std::move(layers)}};
}

std::vector<SignatureLayer> parse(const json& document) {
    return parse_signature_manifest(document.dump(), kManifest, "signatures");
}

void expect_refused(const std::string& words, const std::function<void()>& body) {
    try {
        body();
        ADD_FAILURE() << "accepted; wanted an error saying " << words;
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::bad_manifest) << error.what();
        EXPECT_THAT(error.what(), HasSubstr(words));
    }
}

TEST(SignatureManifest, ReadsWhatCosignWrites) {
    const auto layers = parse(manifest({signature("MEQC", 'a'), signature("MEUC", 'b')}));
    ASSERT_THAT(layers, SizeIs(2));
    EXPECT_EQ(layers[0].base64, "MEQC");
    EXPECT_EQ(layers[1].base64, "MEUC");
    EXPECT_EQ(layers[1].digest.text(), digest('b'));
    EXPECT_EQ(layers[1].size, 235U);
}

TEST(SignatureManifest, TakesThePayloadThatADescriptorCarriesIfItIsTheOneThatItNames) {
    json carried = signature("MEQC");
    carried["digest"] = "sha256:" + sha256_hex("payload");
    carried["size"] = 7;
    carried["data"] = "cGF5bG9hZA==";
    EXPECT_EQ(parse(manifest({carried}))[0].payload, "payload");
    EXPECT_EQ(parse(manifest({signature("MEQC")}))[0].payload, std::nullopt);

    for (const auto& [name, value] : std::initializer_list<std::pair<std::string, json>>{
             {"size", 8}, {"digest", digest('a')}, {"data", "cGF5bG9hZQ=="}, {"data", "cGF5bG9hZA"}, {"data", ""}}) {
        json lying = carried;
        lying[name] = value;
        const auto layers = parse(manifest({lying}));
        ASSERT_THAT(layers, SizeIs(1));
        EXPECT_EQ(layers[0].payload, std::nullopt) << lying.dump() << ": its blob is asked for";
    }
}

TEST(SignatureManifest, LeavesOutWhatIsNoSignature) {
    json other = signature("MEQC");
    other["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip";
    json bare = signature("MEQC");
    bare.erase("annotations");
    json attestation = signature("MEQC");
    attestation["mediaType"] = "application/vnd.dsse.envelope.v1+json";
    EXPECT_THAT(parse(manifest({other, bare, attestation, signature("")})), IsEmpty());
    EXPECT_THAT(parse(manifest(json::array())), IsEmpty());
}

TEST(SignatureManifest, D5TenThousandSignaturesGiveTheLastSixtyFour) {
    json layers = json::array();
    for (int i = 0; i < 10'000; ++i) layers.push_back(signature("MEQC" + std::to_string(i)));
    const json document = manifest(std::move(layers));
    ASSERT_LT(document.dump().size(), kMostManifestBytes);
    const auto kept = parse(document);
    ASSERT_THAT(kept, SizeIs(kMostSignatures));
    EXPECT_EQ(kept.front().base64, "MEQC9936");
    EXPECT_EQ(kept.back().base64, "MEQC9999");
}

TEST(SignatureManifest, D5AHundredThousandSignaturesAreRefusedByTheirBytes) {
    std::string text = manifest({signature("MEQC")}).dump();
    const std::string one = signature("MEQC").dump() + ",";
    std::string many;
    for (int i = 0; i < 100'000; ++i) many += one;
    text.insert(text.find("\"layers\":[") + 10, many);
    expect_refused("larger than 4194304 bytes",
                   [&] { static_cast<void>(parse_signature_manifest(text, kManifest, "signatures")); });
}

TEST(SignatureManifest, D3SmallValuesThatCostMemoryAreRefusedByTheirNumber) {
    std::string text = manifest(json::array()).dump();
    std::string many;
    for (int i = 0; i < 500'000; ++i) many += "{},";
    text.insert(text.find("\"layers\":[") + 10, many + "{}");
    ASSERT_LT(text.size(), kMostManifestBytes);
    expect_refused("more than 150000 values",
                   [&] { static_cast<void>(parse_signature_manifest(text, kManifest, "signatures")); });
}

TEST(SignatureManifest, D5AGibibyteOfPayloadIsNeverAskedFor) {
    json huge = signature("MEQC");
    huge["size"] = 1ULL << 30U;
    EXPECT_THAT(parse(manifest({huge, signature("MEUC")})), SizeIs(1));
    huge["size"] = kMostSignaturePayload + 1;
    EXPECT_THAT(parse(manifest({huge})), IsEmpty());
}

TEST(SignatureManifest, RefusesWhatIsMalformed) {
    for (const json& size : {json(-1), json(1.5), json("9"), json(1ULL << 63U)}) {
        json bad = signature("MEQC");
        bad["size"] = size;
        expect_refused("size", [&] { static_cast<void>(parse(manifest({bad}))); });
    }
    json bad = signature("MEQC");
    bad["digest"] = "sha256:../../x";
    expect_refused("digest is refused", [&] { static_cast<void>(parse(manifest({bad}))); });
    bad = signature("MEQC");
    bad["urls"] = {"http://169.254.169.254/"};
    expect_refused("urls", [&] { static_cast<void>(parse(manifest({bad}))); });
    json both = manifest({signature("MEQC")});
    both["manifests"] = json::array();
    expect_refused("are both there", [&] { static_cast<void>(parse(both)); });
    expect_refused("not the media type",
                   [&] { static_cast<void>(parse_signature_manifest("{}", kIndex, "signatures")); });
    expect_refused("layers is missing", [&] {
        static_cast<void>(parse_signature_manifest(R"({"schemaVersion":2})", kManifest, "signatures"));
    });
}

json referrer(const std::string& type, char digit) {
    return {{"mediaType", kManifest}, {"digest", digest(digit)}, {"size", 700}, {"artifactType", type}};
}

TEST(SignatureManifest, ReferrersAreThoseThatHoldSignatures) {
    json foreign = referrer("application/spdx+json", '2');
    foreign["size"] = "not ours to judge";
    const json index{
        {"schemaVersion", 2},
        {"mediaType", kIndex},
        {"manifests", {referrer(kSignatureArtifactType, '1'), foreign, referrer(kSignatureArtifactType, '3')}}};
    const auto found = parse_referrers(index.dump(), "referrers");
    ASSERT_THAT(found, SizeIs(2));
    EXPECT_EQ(found[0].digest.text(), digest('1'));
    EXPECT_EQ(found[1].digest.text(), digest('3'));
    EXPECT_EQ(found[1].size, 700U);
}

TEST(SignatureManifest, OfManyReferrersTheLastAreRead) {
    json entries = json::array();
    for (int i = 0; i < 5'000; ++i) {
        entries.push_back(referrer(kSignatureArtifactType, '1'));
        entries.back()["size"] = i + 1;
    }
    const auto found = parse_referrers(json{{"manifests", entries}}.dump(), "referrers");
    ASSERT_THAT(found, SizeIs(kMostSignatureManifests));
    EXPECT_EQ(found.back().size, 5'000U);
}

TEST(SignatureManifest, RefusesReferrersThatAreMalformed) {
    json bad = referrer(kSignatureArtifactType, '1');
    bad["digest"] = "md5:1";
    expect_refused("digest is refused", [&] {
        static_cast<void>(parse_referrers(json{{"manifests", {bad}}}.dump(), "referrers"));
    });
    expect_refused("manifests is missing", [] { static_cast<void>(parse_referrers("{}", "referrers")); });
    expect_refused("not JSON", [] { static_cast<void>(parse_referrers("<html>", "referrers")); });
}

TEST(SignatureManifest, ASubjectIsTheImageThatIsMeant) {
    EXPECT_EQ(parse_subject(json{{"subject", {{"digest", digest('5')}}}}.dump(), "m"), Digest::parse(digest('5')));
    EXPECT_EQ(parse_subject("{}", "m"), std::nullopt);
    expect_refused("subject.digest",
                   [] { static_cast<void>(parse_subject(R"({"subject":{"digest":"latest"}})", "m")); });
}

TEST(SignatureManifest, TagsAreThoseOfTheSpecifications) {
    EXPECT_EQ(signature_tag(Digest::parse(digest('7'))), "sha256-" + std::string(64, '7') + ".sig");
    EXPECT_EQ(referrers_tag(Digest::parse(digest('7'))), "sha256-" + std::string(64, '7'));
}

}  // namespace
}  // namespace overdrive
