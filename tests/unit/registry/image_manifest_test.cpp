#include "registry/image_manifest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "registry/blob_check.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kZstdLayer = "application/vnd.oci.image.layer.v1.tar+zstd";

json descriptor(const std::string& type, char digit = 'a') {
    return {{"mediaType", type}, {"digest", "sha256:" + std::string(64, digit)}, {"size", 10}};
}

json layer(const std::string& role, char digit) {
    json out = descriptor(kZstdLayer, digit);
    out["annotations"] = {{"org.overdrive.layer", role}};
    return out;
}

json good_manifest() {
    return {{"schemaVersion", 2},
            {"mediaType", kManifest},
            {"config", descriptor("application/vnd.oci.image.config.v1+json")},
            {"layers", {layer("program", '1'), layer("user-space", '2'), layer("modules", '3')}}};
}

json good_index() {
    json amd64 = descriptor(kManifest, '1');
    amd64["platform"] = {{"os", "linux"}, {"architecture", "amd64"}};
    json arm64 = descriptor(kManifest, '2');
    arm64["platform"] = {{"os", "linux"}, {"architecture", "arm64"}};
    json other = descriptor(kManifest, '3');
    other["platform"] = {{"os", "unknown"}, {"architecture", "unknown"}};
    return {{"schemaVersion", 2}, {"mediaType", kIndex}, {"manifests", {other, amd64, arm64}}};
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

void expect_manifest_refused(const json& manifest, const std::string& words, const char* type = kManifest) {
    expect_refused(words, [&] { static_cast<void>(parse_image_manifest(manifest.dump(), type, "manifest")); });
}

void expect_index_refused(const json& index, const std::string& words, const char* type = kIndex) {
    expect_refused(words, [&] { static_cast<void>(parse_index(index.dump(), type, "index")); });
}

TEST(ImageManifest, TakesRolesFromAnnotationsInAnyOrder) {
    json manifest = good_manifest();
    std::swap(manifest["layers"][0], manifest["layers"][2]);
    const ImageManifest parsed = parse_image_manifest(manifest.dump(), kManifest, "manifest");
    ASSERT_EQ(parsed.layers.size(), 3U);
    EXPECT_EQ(parsed.layers[0].role, LayerRole::modules);
    EXPECT_EQ(parsed.layers[2].role, LayerRole::program);
    EXPECT_EQ(parsed.layers[0].digest.hex(), std::string(64, '3'));
    EXPECT_EQ(parsed.layers[0].size, 10U);
}

TEST(ImageManifest, TakesWhatALayerAnnouncesToTakeUnpacked) {
    json manifest = good_manifest();
    json& annotations = manifest["layers"][1]["annotations"];
    annotations["org.overdrive.unpacked-bytes"] = "8192";
    EXPECT_EQ(parse_image_manifest(manifest.dump(), kManifest, "manifest").layers[1].unpacked, std::nullopt);
    annotations["org.overdrive.unpacked-inodes"] = "3";
    const ImageManifest parsed = parse_image_manifest(manifest.dump(), kManifest, "manifest");
    EXPECT_EQ(parsed.layers[1].unpacked, (UnpackedSize{.bytes = 8192, .inodes = 3}));
    EXPECT_EQ(parsed.layers[2].unpacked, std::nullopt);
    for (const char* nonsense : {"", "-1", "1e9", " 8192", "8192 ", "1099511627777", "99999999999999999999"}) {
        annotations["org.overdrive.unpacked-bytes"] = nonsense;
        expect_manifest_refused(manifest, "unpacked-bytes");
    }
    annotations["org.overdrive.unpacked-bytes"] = 8192;
    expect_manifest_refused(manifest, "unpacked-bytes");
}

TEST(ImageManifest, TakesRolesFromTheOrderWhenAForeignToolPackedIt) {
    json manifest = good_manifest();
    for (json& entry : manifest["layers"]) entry.erase("annotations");
    const ImageManifest parsed = parse_image_manifest(manifest.dump(), kManifest, "manifest");
    EXPECT_EQ(parsed.layers[0].role, LayerRole::program);
    EXPECT_EQ(parsed.layers[1].role, LayerRole::user_space);
    EXPECT_EQ(parsed.layers[2].role, LayerRole::modules);
}

TEST(ImageManifest, ReadsDockerSchemaTwo) {
    json manifest = good_manifest();
    manifest["mediaType"] = kDockerManifest;
    manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json";
    for (json& entry : manifest["layers"]) {
        entry.erase("annotations");
        entry["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    }
    EXPECT_EQ(parse_image_manifest(manifest.dump(), kDockerManifest, "manifest").layers.size(), 3U);
}

TEST(ImageManifest, TakesAMissingMediaTypeFromTheTransport) {
    json manifest = good_manifest();
    manifest.erase("mediaType");
    EXPECT_EQ(parse_image_manifest(manifest.dump(), kManifest, "manifest").layers.size(), 3U);
}

TEST(ImageManifest, RefusesAMediaTypeThatDiffersFromTheTransports) {
    expect_manifest_refused(good_manifest(), "announced as", kDockerManifest);
}
TEST(ImageManifest, RefusesAnUnknownMediaType) {
    expect_manifest_refused(good_manifest(), "not the media type", "text/html");
}
TEST(ImageManifest, RefusesAnAbsentMediaType) { expect_manifest_refused(good_manifest(), "not the media type", ""); }

TEST(ImageManifest, RefusesManifestsBesideLayers) {
    json manifest = good_manifest();
    manifest["manifests"] = json::array();
    expect_manifest_refused(manifest, "both there");
    json index = good_index();
    index["layers"] = json::array();
    expect_index_refused(index, "both there");
}

TEST(ImageManifest, RefusesAForeignLayer) {
    json manifest = good_manifest();
    manifest["layers"][1]["urls"] = {"https://elsewhere.example/layer"};
    expect_manifest_refused(manifest, "layers[1].urls");
    manifest = good_manifest();
    manifest["layers"][1]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    expect_manifest_refused(manifest, "layers[1].mediaType");
}

TEST(ImageManifest, RefusesSizesThatCannotBe) {
    for (const json& size : {json(0), json(-1), json(1.5), json("10"), json(1ULL << 40U), json(UINT64_MAX), json()}) {
        json manifest = good_manifest();
        manifest["layers"][2]["size"] = size;
        expect_manifest_refused(manifest, "layers[2].size");
    }
}

TEST(ImageManifest, RefusesDigestsOfAnotherForm) {
    for (const char* digest : {"", "sha256:", "sha512:00", "sha256:../../../etc/passwd"}) {
        json manifest = good_manifest();
        manifest["layers"][0]["digest"] = digest;
        expect_manifest_refused(manifest, "layers[0].digest");
    }
}

TEST(ImageManifest, RefusesTooManyLayers) {
    json manifest = good_manifest();
    for (int i = 0; i < 62; ++i) manifest["layers"].push_back(descriptor(kZstdLayer));
    expect_manifest_refused(manifest, "65, more than the 64");
}

TEST(ImageManifest, RefusesRolesThatAreUnknownDoubledPartialOrMissing) {
    json manifest = good_manifest();
    manifest["layers"][0]["annotations"]["org.overdrive.layer"] = "surprise";
    expect_manifest_refused(manifest, "surprise");
    manifest = good_manifest();
    manifest["layers"][0]["annotations"]["org.overdrive.layer"] = "modules";
    expect_manifest_refused(manifest, "two for modules");
    manifest = good_manifest();
    manifest["layers"][0].erase("annotations");
    expect_manifest_refused(manifest, "only in part");
    manifest = good_manifest();
    manifest["layers"].erase(2);
    expect_manifest_refused(manifest, "none for modules");
    manifest = good_manifest();
    for (json& entry : manifest["layers"]) entry.erase("annotations");
    manifest["layers"].erase(2);
    expect_manifest_refused(manifest, "an artifact has three");
}

TEST(ImageManifest, RefusesMoreThanFourMegabytes) {
    json manifest = good_manifest();
    manifest["annotations"] = {{"x", std::string(5U << 20U, 'x')}};
    expect_manifest_refused(manifest, "larger than");
}

TEST(ImageManifest, RefusesWhatIsNoManifest) {
    expect_manifest_refused(json::array(), "not a JSON object");
    expect_refused("not JSON", [] { static_cast<void>(parse_image_manifest("<html>", kManifest, "manifest")); });
    json manifest = good_manifest();
    manifest["schemaVersion"] = 1;
    expect_manifest_refused(manifest, "schemaVersion");
    manifest = good_manifest();
    manifest.erase("config");
    expect_manifest_refused(manifest, "config is missing");
}

TEST(ImageIndex, PicksTheManifestOfTheArchitecture) {
    const auto entries = parse_index(good_index().dump(), kIndex, "index");
    ASSERT_NE(select_platform(entries, "arm64"), nullptr);
    EXPECT_EQ(select_platform(entries, "arm64")->digest.hex(), std::string(64, '2'));
    EXPECT_EQ(select_platform(entries, "amd64")->digest.hex(), std::string(64, '1'));
    EXPECT_EQ(select_platform(entries, "riscv64"), nullptr);
}

TEST(ImageIndex, RefusesAManifestThatIsTooLarge) {
    json index = good_index();
    index["manifests"][1]["size"] = (4U << 20U) + 1;
    expect_index_refused(index, "manifests[1].size");
}

TEST(ImageIndex, IsNoManifest) {
    expect_manifest_refused(good_index(), "not the media type", kIndex);
    expect_index_refused(good_manifest(), "not the media type of an index", kManifest);
}

TEST(BlobCheck, TellsTruncatedFromDamagedFromTooLong) {
    const std::string bytes = "hello";
    const Digest digest = Digest::from_hex(sha256_hex(bytes));
    const auto code_of = [](const std::function<void()>& body) -> std::optional<Errc> {
        try {
            body();
            return std::nullopt;
        } catch (const Error& error) {
            return error.code();
        }
    };
    EXPECT_EQ(code_of([&] { check_blob("blob", "hello", digest, 5); }), std::nullopt);
    EXPECT_EQ(code_of([&] { check_blob("blob", "hell", digest, 5); }), Errc::truncated);
    EXPECT_EQ(code_of([&] { check_blob("blob", "hellO", digest, 5); }), Errc::digest_mismatch);
    EXPECT_EQ(code_of([&] { check_blob("blob", "hello!", digest, 5); }), Errc::digest_mismatch);
    EXPECT_EQ(code_of([&] {
                  BlobCheck check{"blob", digest, 5};
                  check.take("hello");
                  check.take("!");  // at once, not at the end
              }),
              Errc::digest_mismatch);
}

}  // namespace
}  // namespace overdrive
