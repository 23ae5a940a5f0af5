#include "builder-images/artifact/pack.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "builder-images/artifact/inspect.hpp"
#include "registry/image_manifest.hpp"
#include "store/space.hpp"
#include "support/error.hpp"
#include "support/verity_digest.hpp"
#include "trust/signature.hpp"
#include "unit/artifact/inspect_layout.hpp"
#include "unit/artifact/small_driver.hpp"
#include "unit/trust/test_keys.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

InspectedImage inspected(const SmallDriver& driver, const std::string& layout = "layout") {
    return inspect_layout(driver.at(layout));
}

TEST(Pack, TwiceGivesTheSameImage) {
    const SmallDriver driver;
    EXPECT_EQ(driver.pack("first").manifest.digest, driver.pack("second").manifest.digest);
}

TEST(Pack, IgnoresTimesOwnersAndExtraPermissions) {
    const SmallDriver driver;
    const Digest before = driver.pack("first").manifest.digest;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{driver.at("user")}) {
        if (!entry.is_regular_file()) continue;
        std::filesystem::last_write_time(entry.path(), std::filesystem::file_time_type{});
        if (::geteuid() == 0) {
            ASSERT_EQ(::chown(entry.path().c_str(), 1234, 5678), 0);
        }
    }
    ASSERT_EQ(::chmod(driver.at("user/bin/nvidia-smi").c_str(), 04711), 0);
    ASSERT_EQ(::chmod(driver.at("user/lib64/libcuda.so.900.1.0").c_str(), 0640), 0);
    std::filesystem::create_directories(driver.at("user/usr/share/empty"));
    EXPECT_EQ(driver.pack("second").manifest.digest, before);
}

TEST(Pack, NoticesEveryChangeOfContent) {
    const SmallDriver driver;
    const PackedImage before = driver.pack();
    driver.file("user/lib64/libcuda.so.900.1.0", std::string(299'999, 'c') + "d");
    const PackedImage after = driver.pack();
    EXPECT_NE(after.user_space.blob.digest, before.user_space.blob.digest);
    EXPECT_NE(after.driver_json, before.driver_json);
    EXPECT_EQ(after.program.blob.digest, before.program.blob.digest);
}

TEST(Pack, NamesTheVerityDigestOfLargeUserSpaceFilesAlone) {
    const SmallDriver driver;
    driver.file("modules/lib/modules/6.1.0-1-test/nvidia.ko", std::string(300'000, 'm'));
    static_cast<void>(driver.pack());
    VerityDigest digest;
    digest.update(std::string(300'000, 'c'));
    std::map<std::string, std::string> named;
    const InspectedImage image = inspected(driver);
    for (const FileSpec& file : image.driver.files)
        if (!file.verity.empty()) named[file.path] = file.verity;
    EXPECT_THAT(named, ElementsAre(testing::Pair("lib64/libcuda.so.900.1.0", digest.finish())));
}

TEST(Pack, GivesTwoKernelsTheSameUserSpaceLayer) {
    const PackedImage first = SmallDriver{"6.1.0-1-test"}.pack();
    const PackedImage second = SmallDriver{"6.1.0-2-test"}.pack();
    EXPECT_EQ(first.user_space.blob.digest, second.user_space.blob.digest);
    EXPECT_EQ(first.program.blob.digest, second.program.blob.digest);
    EXPECT_NE(first.modules.blob.digest, second.modules.blob.digest);
}

TEST(Pack, NeedsNoMoreThanTheModulesLayerForASecondKernelInTheSameLayout) {
    const SmallDriver first{"6.1.0-1-test"};
    const SmallDriver second{"6.1.0-2-test"};
    static_cast<void>(first.pack());
    PackOptions options = second.options();
    options.output = first.at("layout");
    static_cast<void>(pack(options, [](std::string_view) {}));
    const auto blobs = std::filesystem::directory_iterator{first.at("layout/blobs/sha256")};
    // program, user space, and for each kernel modules, config, manifest
    EXPECT_EQ(std::distance(begin(blobs), end(blobs)), 2 + 2 * 3);
    EXPECT_EQ(OciLayout::open(first.at("layout")).tags().size(), 2U);
}

nlohmann::json entry_of(const SmallDriver& driver) {
    return nlohmann::json::parse(Root{driver.at("layout")}.read_file("index.json").value()).at("manifests").at(0);
}

TEST(Pack, ATagNamesTheManifestWhichSaysItsArchitectureSoThatNodesNeedOneRequest) {
    const SmallDriver driver;
    const PackedImage packed = driver.pack();
    const nlohmann::json entry = entry_of(driver);
    EXPECT_EQ(entry.at("mediaType"), kManifestType);
    EXPECT_EQ(entry.at("digest"), packed.manifest.digest.text());
    EXPECT_EQ(entry.at("platform").at("architecture"), "amd64");
    const std::string bytes = OciLayout::open(driver.at("layout")).read_bytes(packed.manifest, 1U << 20U);
    EXPECT_EQ(parse_image_manifest(bytes, kManifestType, "manifest").architecture, "amd64");
}

TEST(Pack, AnotherArchitectureUnderATagMakesItAnIndexOfBoth) {
    const SmallDriver driver;
    const PackedImage packed = driver.pack();
    OciLayout layout = OciLayout::open(driver.at("layout"));
    const BlobDescriptor other = layout.add_bytes(kManifestType, "{}");
    layout.tag({other, packed.tag, "arm64"});
    EXPECT_EQ(entry_of(driver).at("mediaType"), kIndexType);
    const auto tags = layout.tags();
    ASSERT_EQ(tags.size(), 2U);
    EXPECT_EQ(tags[0].manifest.digest, packed.manifest.digest);
    EXPECT_EQ(tags[0].architecture, "amd64");
    EXPECT_EQ(tags[1].manifest.digest, other.digest);
}

TEST(Pack, ReplacesATagThatIsPackedAgain) {
    const SmallDriver driver;
    const PackedImage before = driver.pack();
    driver.file("user/bin/nvidia-smi", "other");
    const PackedImage after = driver.pack();
    const auto tags = OciLayout::open(driver.at("layout")).tags();
    ASSERT_EQ(tags.size(), 1U);
    EXPECT_EQ(tags[0].manifest.digest, after.manifest.digest);
    EXPECT_NE(before.manifest.digest, after.manifest.digest);
}

TEST(Pack, ACachedLayerIsTheOneThatWouldBeMade) {
    const SmallDriver driver;
    const PackedImage plain = driver.pack("plain");
    PackOptions options = driver.options("first");
    options.layer_cache = driver.at("cache");
    const PackedImage first = pack(options, [](std::string_view) {});
    options.output = driver.at("second");
    std::string said;
    const PackedImage second = pack(options, [&](std::string_view line) { said += std::string{line} + "\n"; });
    EXPECT_EQ(first.manifest.digest, plain.manifest.digest);
    EXPECT_EQ(second.manifest.digest, plain.manifest.digest);
    EXPECT_THAT(said, HasSubstr("from the cache"));
    EXPECT_EQ(inspected(driver, "second").driver_json, plain.driver_json);
}

TEST(Pack, ADamagedCachedLayerIsMadeAgain) {
    const SmallDriver driver;
    PackOptions options = driver.options("first");
    options.layer_cache = driver.at("cache");
    const PackedImage first = pack(options, [](std::string_view) {});
    for (const auto& entry : std::filesystem::directory_iterator{driver.at("cache")})
        std::filesystem::resize_file(entry.path(), std::filesystem::file_size(entry.path()) - 1);
    options.output = driver.at("second");
    EXPECT_EQ(pack(options, [](std::string_view) {}).manifest.digest, first.manifest.digest);
    EXPECT_EQ(inspected(driver, "second").manifest, first.manifest.digest);
}

TEST(Pack, AnnouncesWhatANodeNeedsForEachLayer) {
    const SmallDriver driver;
    const PackedImage packed = driver.pack();
    const DriverManifest manifest = inspected(driver).driver;
    const UnpackedSize user_space = space_of(manifest, false, true, UnpackedSize::kBlockBytes);
    const UnpackedSize modules = space_of(manifest, true, false, UnpackedSize::kBlockBytes);
    // space_of counts a directory that both layers have (lib) for neither; the announcement counts it for each.
    EXPECT_EQ(packed.user_space.unpacked,
              (UnpackedSize{.bytes = user_space.bytes + 4096, .inodes = user_space.inodes + 1}));
    // driver.json itself comes besides what it lists
    EXPECT_EQ(packed.modules.unpacked.inodes, modules.inodes + 2);
    EXPECT_GE(packed.modules.unpacked.bytes, modules.bytes + 2 * 4096);

    const Root layout{driver.at("layout")};
    const std::string blob = "blobs/sha256/" + std::string{packed.manifest.digest.hex()};
    const ImageManifest read = parse_image_manifest(layout.read_file(blob).value(), kManifestType, "manifest");
    EXPECT_EQ(read.layers[1].unpacked, packed.user_space.unpacked);
    EXPECT_EQ(read.layers[2].unpacked, packed.modules.unpacked);
}

TEST(Pack, DriverJsonListsWhatTheLayersHold) {
    const SmallDriver driver;
    const PackedImage packed = driver.pack();
    const DriverManifest manifest = inspected(driver).driver;
    std::vector<std::string> paths;
    std::uint64_t bytes = 0;
    for (const FileSpec& file : manifest.files) {
        paths.push_back(file.path);
        bytes += file.size;
    }
    EXPECT_THAT(paths, ElementsAre("bin/nvidia-persistenced", "bin/nvidia-smi", "etc/OpenCL/vendors/nvidia.icd",
                                   "lib/firmware/nvidia/900.1.0/gsp_tu10x.bin", "lib/modules/6.1.0-1-test/nvidia.ko",
                                   "lib64/libcuda.so", "lib64/libcuda.so.1", "lib64/libcuda.so.900.1.0",
                                   "lib64/nvidia.note", "lib64/vdpau/libcuda.so", "lib64/vdpau/libvdpau_nvidia.so"));
    EXPECT_THAT(manifest.programs, ElementsAre("nvidia-persistenced", "nvidia-smi"));
    EXPECT_THAT(manifest.libraries, ElementsAre("libcuda.so", "libcuda.so.1", "libcuda.so.900.1.0"));
    EXPECT_EQ(manifest.size_bytes, bytes);
    // 11 files and links, 13 directories with the generation's own, driver.json, its signature
    EXPECT_EQ(manifest.inodes, 11U + 13U + 2U);
    EXPECT_EQ(manifest.user_space_layer, packed.user_space.blob.digest);
    EXPECT_EQ(manifest.files[1].mode, 0755U);
    EXPECT_EQ(manifest.files[4].layer, LayerRole::modules);
    EXPECT_EQ(manifest.files[6].link_target, "libcuda.so.900.1.0");
    EXPECT_EQ(manifest.files[8].sha256, "7f2cca0b0554becc8f07de57da39ebe1630cbc90dd3e2f9f3631b8a9c168b39e");
}

TEST(Pack, DriverJsonSurvivesBeingReadAndWritten) {
    const SmallDriver driver;
    const std::string text = make_driver_json(driver.options(), [](std::string_view) {});
    EXPECT_EQ(DriverManifest::parse(text).to_json(), text);
}

TEST(Pack, LabelsTheImageAndStartsTheProgram) {
    const SmallDriver driver;
    const PackedImage packed = driver.pack();
    const OciLayout layout = OciLayout::open(driver.at("layout"));
    const auto manifest = nlohmann::json::parse(layout.read_bytes(packed.manifest, 1U << 20U));
    const BlobDescriptor blob{
        "", Digest::parse(manifest["config"]["digest"].get<std::string>()), manifest["config"]["size"], {}};
    const auto config = nlohmann::json::parse(layout.read_bytes(blob, 1U << 20U));
    EXPECT_EQ(packed.tag, "12-6.1.0-1-test-900.1.0");
    EXPECT_EQ(config["config"]["Entrypoint"], nlohmann::json({"/overdrive/bin/overdrive"}));
    EXPECT_EQ(config["config"]["Cmd"], nlohmann::json({"install"}));
    EXPECT_EQ(config["architecture"], "amd64");
    EXPECT_EQ(config["config"]["Labels"], manifest["annotations"]);
    EXPECT_EQ(manifest["annotations"]["org.overdrive.driver"], "900.1.0");
    EXPECT_EQ(manifest["annotations"]["org.overdrive.os-key"], "12-6.1.0-1-test");
    EXPECT_EQ(manifest["annotations"]["org.overdrive.kernel-release"], "6.1.0-1-test");
    EXPECT_EQ(manifest["annotations"]["org.overdrive.driver-json-digest"], packed.driver_json.text());
    std::vector<std::string> roles;
    for (const auto& layer : manifest["layers"]) roles.push_back(layer["annotations"]["org.overdrive.layer"]);
    EXPECT_THAT(roles, ElementsAre("program", "user-space", "modules"));
    EXPECT_EQ(config["rootfs"]["diff_ids"].size(), 3U);
}

TEST(Pack, SignsDriverJsonWithTheKeyGiven) {
    const SmallDriver driver;
    const TestKey key = make_test_key("ED25519");
    driver.file("sign.key", key.private_pem);
    PackOptions options = driver.options();
    options.sign_key = driver.at("sign.key");
    const PackedImage first = pack(options, [](std::string_view) {});
    EXPECT_TRUE(first.is_signed);
    EXPECT_TRUE(inspected(driver).is_signed);
    options.output = driver.at("again");
    EXPECT_EQ(pack(options, [](std::string_view) {}).manifest.digest, first.manifest.digest);
}

TEST(Pack, TakesASignatureMadeElsewhereOnlyWhenItIsOne) {
    const SmallDriver driver;
    const TestKey key = make_test_key("P-256");
    PackOptions options = driver.options();
    const std::string json = make_driver_json(options, [](std::string_view) {});
    driver.file("first.pub", key.public_pem);
    driver.file("good.sig", sign(json, key.private_pem) + "\n");
    driver.file("bad.sig", sign(json + " ", key.private_pem) + "\n");
    options.public_key = driver.at("first.pub");
    options.signature = driver.at("bad.sig");
    EXPECT_THROW(static_cast<void>(pack(options, [](std::string_view) {})), Error);
    options.signature = driver.at("good.sig");
    EXPECT_TRUE(pack(options, [](std::string_view) {}).is_signed);
    EXPECT_TRUE(inspected(driver).is_signed);
}

}  // namespace
}  // namespace overdrive
