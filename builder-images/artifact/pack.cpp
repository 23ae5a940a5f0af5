#include "builder-images/artifact/pack.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "builder-images/artifact/driver_json.hpp"
#include "builder-images/artifact/files.hpp"
#include "builder-images/artifact/layer_cache.hpp"
#include "builder-images/artifact/size_text.hpp"
#include "model/pair.hpp"
#include "registry/image_manifest.hpp"
#include "registry/image_reference.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"
#include "trust/signature.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;
using Labels = std::map<std::string, std::string>;

constexpr const char* kLayerAnnotation = "org.overdrive.layer";
constexpr const char* kUnpackedBytesAnnotation = "org.overdrive.unpacked-bytes";
constexpr const char* kUnpackedInodesAnnotation = "org.overdrive.unpacked-inodes";
constexpr const char* kProgramPath = "bin/overdrive";

/// The kernel's name of an OCI architecture.
std::string_view machine_of(std::string_view architecture) {
    if (architecture == "amd64") return "x86_64";
    if (architecture == "arm64") return "aarch64";
    throw Error{Errc::usage, fmt::format("--architecture is amd64 or arm64, not '{}'", architecture)};
}

UnpackedSize unpacked_size(const LayerContent& content) {
    UnpackedSize out;
    std::set<std::string, std::less<>> directories;
    const auto add = [&](const std::string& path, std::uint64_t size) {
        for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
            directories.insert(path.substr(0, slash));
        out.bytes += (size + UnpackedSize::kBlockBytes - 1) / UnpackedSize::kBlockBytes * UnpackedSize::kBlockBytes;
        ++out.inodes;
    };
    for (const TreeEntry& entry : content.entries) {
        if (entry.kind == TreeEntry::Kind::directory)
            directories.insert(entry.path);
        else
            add(entry.path, entry.kind == TreeEntry::Kind::file ? entry.size : 0);
    }
    for (const Document& document : content.documents) add(document.path, document.content.size());
    out.bytes += directories.size() * UnpackedSize::kBlockBytes;
    out.inodes += directories.size();
    return out;
}

/// The work of one `pack`, from reading to tagging.
class Packer {
public:
    Packer(const PackOptions& options, const Say& say)
        : options_{options},
          say_{say},
          user_space_{open_tree(options.user_space, "--user-space")},
          modules_{open_tree(options.modules, "--modules")},
          program_{open_tree(options.program, "--program")},
          manifest_{attempting(fmt::format("read '{}'", options.describe),
                               [&] { return parse_description(read_small_file(options.describe)); })},
          layout_{OciLayout::create(options.output)} {
        check_description();
        trees_.user_space = scan(user_space_, "user space", Digests::and_verity);
        trees_.modules = scan(modules_, "modules");
        check_trees(manifest_, trees_);
        if (options.layer_cache) cache_.emplace(*options.layer_cache);
    }

    std::string driver_json() {
        name_program(write_program());
        const PackedLayer user_space = write_user_space();
        return to_checked_json(complete(manifest_, trees_, user_space.blob.digest));
    }

    PackedImage image() {
        const PackedLayer program_layer = write_program();
        name_program(program_layer);
        const PackedLayer user_space_layer = write_user_space();
        const std::string json = to_checked_json(complete(manifest_, trees_, user_space_layer.blob.digest));
        std::vector<Document> documents{{"driver.json", json}};
        if (auto signature = signature_of(json)) documents.push_back({"driver.json.sig", *signature + "\n"});
        const bool is_signed = documents.size() > 1;
        const LayerContent modules{&modules_, "driver", trees_.modules, std::move(documents)};
        PackedImage image{.manifest = {kManifestType, user_space_layer.blob.digest, 0, {}},
                          .tag = options_.tag.value_or(tag_of(manifest_.pair())),
                          .program = program_layer,
                          .user_space = user_space_layer,
                          .modules = write(LayerRole::modules, modules),
                          .driver_json = Digest::from_hex(sha256_hex(json)),
                          .is_signed = is_signed};
        finish(image);
        return image;
    }

private:
    static Root open_tree(const std::string& path, std::string_view option) {
        try {
            return Root{path};
        } catch (const Error& error) {
            throw Error{Errc::usage, fmt::format("{} '{}': {}", option, path, error.what())};
        }
    }

    void check_description() const {
        const std::string_view machine = machine_of(options_.architecture);
        if (manifest_.architecture != machine) {
            throw Error{Errc::bad_manifest, fmt::format("describe.json is for {}, --architecture {} means {}",
                                                        manifest_.architecture, options_.architecture, machine)};
        }
        if (options_.tag && !is_tag(*options_.tag))
            throw Error{Errc::usage, fmt::format("--tag '{}' is not a tag: letters, digits and '_.-', at most 128, "
                                                 "not beginning with '.' or '-'",
                                                 *options_.tag)};
        if (options_.tag && *options_.tag != tag_of(manifest_.pair()))
            say_(fmt::format("note: nodes look for the tag '{}', not for '{}'", tag_of(manifest_.pair()),
                             *options_.tag));
    }

    static void check_program(const std::vector<TreeEntry>& entries) {
        for (const TreeEntry& entry : entries) {
            if (entry.path != kProgramPath) continue;
            if (entry.kind == TreeEntry::Kind::directory || (entry.kind == TreeEntry::Kind::file && entry.mode != 0755))
                throw Error{Errc::incomplete_artifact,
                            fmt::format("program: '{}', the image's entry point, is not executable", kProgramPath)};
            return;
        }
        throw Error{Errc::incomplete_artifact,
                    fmt::format("program: '{}', the image's entry point, is missing", kProgramPath)}
            .with_remedy("give --program the directory that ci/bundle made");
    }

    std::vector<TreeEntry> scan(const Root& tree, std::string_view name, Digests digests = Digests::sha256) const {
        std::vector<TreeEntry> entries = read_tree(tree, name, digests);
        std::uint64_t bytes = 0;
        for (const TreeEntry& entry : entries) bytes += entry.size;
        say_(fmt::format("{}: {} entries, {}", name, entries.size(), size_text(bytes)));
        return entries;
    }

    PackedLayer write(LayerRole role, const LayerContent& content) { return write(to_string(role), content); }

    PackedLayer write(std::string_view role, const LayerContent& content) {
        const auto begin = std::chrono::steady_clock::now();
        std::optional<LayerSummary> summary;
        BlobDescriptor blob = layout_.add(kLayerType, [&](const OciLayout::Sink& sink) {
            summary = write_layer(content, options_.zstd_level, sink);
        });
        PackedLayer layer{std::move(blob), summary->diff_id, summary->tar_bytes, unpacked_size(content)};
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        say_(fmt::format("layer {}: {} -> {} in {:.1f} s, {}", role, size_text(layer.tar_bytes),
                         size_text(layer.blob.size), took.count(), layer.blob.digest.text()));
        return layer;
    }

    PackedLayer write_cached(std::string_view role, const LayerContent& content) {
        if (!cache_) return write(role, content);
        const std::string key = LayerCache::key_of(content, options_.zstd_level);
        if (auto layer = cache_->get(key, layout_)) {
            say_(fmt::format("layer {}: {} from the cache, {}", role, size_text(layer->blob.size),
                             layer->blob.digest.text()));
            layer->unpacked = unpacked_size(content);
            return *layer;
        }
        PackedLayer layer = write(role, content);
        cache_->put(key, layer, layout_);
        return layer;
    }

    PackedLayer write_program() {
        const LayerContent program{&program_, "overdrive", scan(program_, "program"), {}};
        check_program(program.entries);
        return write_cached("program", program);
    }

    /// Names the program in driver.json, so that what vouches for the driver vouches for the program that comes with
    /// it.
    void name_program(const PackedLayer& layer) {
        const auto version = program_.read_file("VERSION", 256);
        if (!version) return;  // a bundle always has it; another program is not offered to nodes
        manifest_.program_version = without_space_around(*version);
        manifest_.program_layer = layer.blob.digest;
    }

    PackedLayer write_user_space() {
        return write_cached("user-space", LayerContent{&user_space_, "driver", trees_.user_space, {}});
    }

    [[nodiscard]] std::optional<std::string> signature_of(const std::string& json) const {
        if (options_.sign_key)
            return PrivateKey::parse(read_small_file(*options_.sign_key), *options_.sign_key).sign(json);
        if (!options_.signature) return std::nullopt;
        if (!options_.public_key)
            throw Error{Errc::usage, "--signature needs --public-key, to check it before it is packed"};
        std::string signature = without_space_around(read_small_file(*options_.signature));
        if (!PublicKey::parse(read_small_file(*options_.public_key), *options_.public_key).verifies(json, signature)) {
            throw Error{Errc::untrusted, fmt::format("'{}' is no signature by '{}' over this driver.json",
                                                     *options_.signature, *options_.public_key)}
                .with_remedy("sign what 'overdrive-artifact driver-json' prints for exactly these inputs");
        }
        return signature;
    }

    [[nodiscard]] Labels labels_of(const PackedImage& image) const {
        return {{"org.overdrive.driver", manifest_.driver.text()},
                {"org.overdrive.os-key", manifest_.os_key},
                {"org.overdrive.kernel-release", manifest_.kernel_release},
                {kArchitectureAnnotation, options_.architecture},
                {"org.overdrive.driver-json-digest", image.driver_json.text()}};
    }

    [[nodiscard]] std::string config_of(const PackedImage& image) const {
        ordered_json diff_ids = ordered_json::array();
        ordered_json history = ordered_json::array();
        for (const auto& [layer, role] : layers_of(image)) {
            diff_ids.push_back(layer->diff_id.text());
            history.push_back({{"created", kEpoch}, {"created_by", fmt::format("overdrive-artifact pack: {}", role)}});
        }
        const ordered_json config{{"created", kEpoch},
                                  {"architecture", options_.architecture},
                                  {"os", "linux"},
                                  {"config",
                                   {{"Env", {"PATH=/overdrive/bin"}},
                                    {"Entrypoint", {"/overdrive/bin/overdrive"}},
                                    {"Cmd", {"install"}},
                                    {"WorkingDir", "/"},
                                    {"Labels", labels_of(image)}}},
                                  {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}},
                                  {"history", history}};
        return config.dump();
    }

    static std::vector<std::pair<const PackedLayer*, std::string>> layers_of(const PackedImage& image) {
        return {{&image.program, "program"}, {&image.user_space, "user-space"}, {&image.modules, "modules"}};
    }

    void finish(PackedImage& image) {
        const BlobDescriptor config = layout_.add_bytes(kConfigType, config_of(image));
        ordered_json layers = ordered_json::array();
        for (const auto& [layer, role] : layers_of(image)) {
            layers.push_back({{"mediaType", layer->blob.media_type},
                              {"digest", layer->blob.digest.text()},
                              {"size", layer->blob.size},
                              {"annotations",
                               {{kLayerAnnotation, role},
                                {kUnpackedBytesAnnotation, std::to_string(layer->unpacked.bytes)},
                                {kUnpackedInodesAnnotation, std::to_string(layer->unpacked.inodes)}}}});
        }
        const ordered_json manifest{
            {"schemaVersion", 2},
            {"mediaType", kManifestType},
            {"config", {{"mediaType", config.media_type}, {"digest", config.digest.text()}, {"size", config.size}}},
            {"layers", layers},
            {"annotations", labels_of(image)}};
        image.manifest = layout_.add_bytes(kManifestType, manifest.dump());
        layout_.tag({image.manifest, image.tag, options_.architecture});
    }

    static constexpr const char* kEpoch = "1970-01-01T00:00:00Z";

    const PackOptions& options_;
    const Say& say_;
    Root user_space_;
    Root modules_;
    Root program_;
    DriverManifest manifest_;
    OciLayout layout_;
    DriverTrees trees_;
    std::optional<LayerCache> cache_;
};

}  // namespace

PackedImage pack(const PackOptions& options, const Say& say) { return Packer{options, say}.image(); }

std::string make_driver_json(const PackOptions& options, const Say& say) { return Packer{options, say}.driver_json(); }

}  // namespace overdrive
