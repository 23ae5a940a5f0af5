#include "unit/archive/sample_artifact.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "support/installed_driver.hpp"
#include "support/sha256.hpp"
#include "support/verity_digest.hpp"

namespace overdrive {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar+zstd";
constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";
constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";

bool is_program(const std::string& path) { return path.starts_with("bin/"); }

void add_parents(std::set<std::string>& directories, const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
        directories.insert(path.substr(0, slash + 1));
    }
}

std::string make_layer(const std::string& prefix, const std::map<std::string, std::string>& files,
                       const std::map<std::string, std::string>& links) {
    std::set<std::string> directories;
    for (const auto& [path, content] : files) add_parents(directories, prefix + path);
    for (const auto& [path, target] : links) add_parents(directories, prefix + path);
    TarMaker tar;
    for (const std::string& path : directories) tar.directory(path);
    for (const auto& [path, content] : files) tar.file(prefix + path, content, is_program(path) ? 0755 : 0644);
    for (const auto& [path, target] : links) tar.link(prefix + path, target);
    return zstd(tar.tar());
}

void write_file(const fs::path& path, const std::string& content) {
    fs::create_directories(path.parent_path());
    std::ofstream{path, std::ios::binary} << content;
}

json put_blob(const fs::path& layout, const std::string& bytes, const char* type) {
    const std::string hex = sha256_hex(bytes);
    write_file(layout / "blobs/sha256" / hex, bytes);
    return {{"mediaType", type}, {"digest", "sha256:" + hex}, {"size", bytes.size()}};
}

json put_layer(const fs::path& layout, const std::string& bytes, const char* role) {
    json descriptor = put_blob(layout, bytes, kLayerType);
    descriptor["annotations"] = {{"org.overdrive.layer", role}};
    return descriptor;
}

/// As the packer does for the large files of user space.
std::string verity_of(LayerRole role, const std::string& content) {
    constexpr std::size_t kLeast = 64U << 10U;
    if (role != LayerRole::user_space || content.size() < kLeast) return {};
    VerityDigest digest;
    digest.update(content);
    return digest.finish();
}

/// Bytes that do not compress and differ from path to path.
std::string noise(const std::string& seed, std::size_t size) {
    std::mt19937_64 random{std::hash<std::string>{}(seed)};
    std::string out(size, '\0');
    for (char& byte : out) byte = static_cast<char>(random());
    return out;
}

}  // namespace

SampleArtifact::SampleArtifact(const std::string& kernel, const std::string& key)
    : user_space{{"bin/nvidia-smi", "#!smi\n"},
                 {"lib64/libcuda.so.900.1.0", noise("cuda", 1'500'000)},
                 {"lib64/libnvidia-ml.so.900.1.0", noise("ml", 70'000)},
                 {"lib/firmware/nvidia/900.1.0/gsp_tu10x.bin", noise("gsp", 200'000)},
                 {"usr/share/empty", ""}},
      links{{"lib64/libcuda.so.1", "libcuda.so.900.1.0"}, {"lib64/libcuda.so", "libcuda.so.1"}},
      modules{{"lib/modules/" + kernel + "/nvidia.ko", noise("nvidia" + kernel, 400'000)},
              {"lib/modules/" + kernel + "/nvidia-uvm.ko", noise("uvm" + kernel, 40'000)},
              {"lib/modules/" + kernel + "/nvidia-drm.ko", noise("drm" + kernel, 40'000)}},
      kernel_release{kernel},
      os_key{key} {}

std::string SampleArtifact::user_space_layer() const { return make_layer("driver/", user_space, links); }
std::string SampleArtifact::program_layer() const { return make_layer("overdrive/", program, {}); }

std::string SampleArtifact::modules_layer(const std::string& driver_json) const {
    std::map<std::string, std::string> files = modules;
    files["driver.json"] = driver_json.empty() ? manifest().to_json() : driver_json;
    if (!signature.empty()) files["driver.json.sig"] = signature;
    return make_layer("driver/", files, {});
}

DriverManifest SampleArtifact::manifest() const {
    DriverManifest out = small_manifest("900.1.0", os_key, kernel_release);
    const auto add = [&](const std::map<std::string, std::string>& files, LayerRole role) {
        for (const auto& [path, content] : files) {
            out.files.push_back({.path = path,
                                 .layer = role,
                                 .mode = is_program(path) ? 0755U : 0644U,
                                 .size = content.size(),
                                 .sha256 = sha256_hex(content),
                                 .link_target = {},
                                 .verity = verity_of(role, content)});
        }
    };
    add(user_space, LayerRole::user_space);
    add(modules, LayerRole::modules);
    for (const auto& [path, target] : links) {
        out.files.push_back({.path = path,
                             .layer = LayerRole::user_space,
                             .mode = 0777,
                             .size = 0,
                             .sha256 = {},
                             .link_target = target});
    }
    std::sort(out.files.begin(), out.files.end(),
              [](const FileSpec& left, const FileSpec& right) { return left.path < right.path; });
    out.user_space_layer = Digest::from_hex(sha256_hex(user_space_layer()));
    return out;
}

void SampleArtifact::put_into(FakeSource& source) const {
    ResolvedArtifact artifact{.reference = "fake:sample",
                              .manifest_digest = Digest::from_hex(sha256_hex("manifest")),
                              .layers = {source.add(program_layer(), LayerRole::program),
                                         source.add(user_space_layer(), LayerRole::user_space),
                                         source.add(modules_layer(), LayerRole::modules)}};
    source.artifact = std::move(artifact);
}

std::string SampleArtifact::write_layout(const std::string& directory, const std::vector<std::string>& tags) const {
    const fs::path layout{directory};
    write_file(layout / "oci-layout", R"({"imageLayoutVersion": "1.0.0"})");
    const json config{
        {"architecture", "amd64"}, {"os", "linux"}, {"rootfs", {{"type", "layers"}, {"diff_ids", json::array()}}}};
    const json manifest{
        {"schemaVersion", 2},
        {"mediaType", kManifestType},
        {"config", put_blob(layout, config.dump(), kConfigType)},
        {"layers",
         {put_layer(layout, program_layer(), "program"), put_layer(layout, user_space_layer(), "user-space"),
          put_layer(layout, modules_layer(), "modules")}}};
    json entry = put_blob(layout, manifest.dump(), kManifestType);
    entry["platform"] = {{"os", "linux"}, {"architecture", "amd64"}};
    const json index{{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", {entry}}};
    json top{{"schemaVersion", 2}, {"manifests", json::array()}};
    for (const std::string& tag : tags) {
        json tagged = put_blob(layout, index.dump(), kIndexType);
        tagged["annotations"] = {{"org.opencontainers.image.ref.name", tag}};
        top["manifests"].push_back(tagged);
    }
    write_file(layout / "index.json", top.dump());
    return entry["digest"];
}

void SampleArtifact::write_unpacked(const std::string& root) const {
    const fs::path driver = fs::path{root} / "driver";
    for (const auto* files : {&user_space, &modules}) {
        for (const auto& [path, content] : *files) write_file(driver / path, content);
    }
    for (const auto& [path, target] : links) fs::create_symlink(target, driver / path);
    write_file(driver / "driver.json", manifest().to_json());
    if (!signature.empty()) write_file(driver / "driver.json.sig", signature);
}

}  // namespace overdrive
