#include "registry/image_manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "model/json_reader.hpp"
#include "registry/manifest_envelope.hpp"

namespace overdrive {

namespace {

constexpr std::array<std::string_view, 2> kConfigTypes{"application/vnd.oci.image.config.v1+json",
                                                       "application/vnd.docker.container.image.v1+json"};
constexpr std::array<std::string_view, 3> kLayerTypes{"application/vnd.oci.image.layer.v1.tar+zstd",
                                                      "application/vnd.oci.image.layer.v1.tar+gzip",
                                                      "application/vnd.docker.image.rootfs.diff.tar.gzip"};
constexpr std::uint64_t kMostConfigBytes = 4U << 20U;
constexpr const char* kRoleAnnotation = "org.overdrive.layer";
/// Decimal numbers, see UnpackedSize; what overdrive-artifact writes.
constexpr const char* kUnpackedBytesAnnotation = "org.overdrive.unpacked-bytes";
constexpr const char* kUnpackedInodesAnnotation = "org.overdrive.unpacked-inodes";
/// Beyond this an announcement is nonsense, and sums could overflow.
constexpr std::uint64_t kMostUnpacked = 1ULL << 40U;
constexpr const char* kRefNameAnnotation = "org.opencontainers.image.ref.name";

template <typename Types>
bool is_one_of(std::string_view text, const Types& types) {
    return std::find(types.begin(), types.end(), text) != types.end();
}

struct ParsedLayer {
    LayerDescriptor descriptor;
    bool has_role = false;
};

std::uint64_t parse_announced(const JsonReader& annotations, const char* name, const std::string& text) {
    std::uint64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{} || end != text.data() + text.size() || number > kMostUnpacked)
        annotations.fail(name, fmt::format("is '{}', no number up to 2^40", text.substr(0, 100)));
    return number;
}

/// What the layer takes unpacked, where it says so; both numbers or none count.
std::optional<UnpackedSize> parse_unpacked(const JsonReader& annotations) {
    const auto bytes = annotations.optional_string(kUnpackedBytesAnnotation);
    const auto inodes = annotations.optional_string(kUnpackedInodesAnnotation);
    if (!bytes || !inodes) return std::nullopt;
    return UnpackedSize{.bytes = parse_announced(annotations, kUnpackedBytesAnnotation, *bytes),
                        .inodes = parse_announced(annotations, kUnpackedInodesAnnotation, *inodes)};
}

ParsedLayer parse_layer(const JsonReader& layer) {
    refuse_urls(layer);
    ParsedLayer out{.descriptor = {.digest = parse_digest(layer),
                                   .size = parse_size(layer, kMostLayerBytes),
                                   .media_type = layer.string("mediaType"),
                                   .role = LayerRole::program}};
    if (!is_one_of(out.descriptor.media_type, kLayerTypes)) {
        layer.fail("mediaType", fmt::format("is '{}'; layers must be tar with zstd or gzip",
                                            out.descriptor.media_type.substr(0, 100)));
    }
    const auto annotations = layer.optional_object("annotations");
    if (!annotations) return out;
    out.descriptor.unpacked = parse_unpacked(*annotations);
    const auto text = annotations->optional_string(kRoleAnnotation);
    if (!text) return out;
    const auto role = parse_layer_role(*text);
    if (!role) {
        annotations->fail(kRoleAnnotation,
                          fmt::format("is '{}'; known: program, user-space, modules", text->substr(0, 100)));
    }
    out.descriptor.role = *role;
    out.has_role = true;
    return out;
}

/// A foreign pack tool writes no roles: then the order says them.
void assign_roles(const JsonReader& reader, std::vector<ParsedLayer>& layers) {
    const auto with_role =
        std::count_if(layers.begin(), layers.end(), [](const ParsedLayer& layer) { return layer.has_role; });
    if (with_role == static_cast<std::ptrdiff_t>(layers.size())) return;
    if (with_role != 0) reader.fail("layers", fmt::format("have the annotation {} only in part", kRoleAnnotation));
    constexpr std::array kOrder{LayerRole::program, LayerRole::user_space, LayerRole::modules};
    if (layers.size() != kOrder.size()) {
        reader.fail("layers", fmt::format("are {} without the annotation {}; an artifact has three: program, "
                                          "user space, modules",
                                          layers.size(), kRoleAnnotation));
    }
    for (std::size_t i = 0; i < kOrder.size(); ++i) layers[i].descriptor.role = kOrder.at(i);
}

void check_roles(const JsonReader& reader, const std::vector<LayerDescriptor>& layers) {
    std::set<LayerRole> seen;
    for (const LayerDescriptor& layer : layers) {
        if (!seen.insert(layer.role).second) {
            reader.fail("layers", fmt::format("have two for {}", to_string(layer.role)));
        }
    }
    for (const LayerRole role : {LayerRole::user_space, LayerRole::modules}) {
        if (!seen.contains(role)) reader.fail("layers", fmt::format("have none for {}", to_string(role)));
    }
}

}  // namespace

const std::string& manifest_accept_header() {
    static const std::string header =
        fmt::format("Accept: {}, {}, {}, {}", kOciIndex, kOciManifest, kDockerIndex, kDockerManifest);
    return header;
}

bool is_index_type(std::string_view media_type) noexcept {
    return media_type == kOciIndex || media_type == kDockerIndex;
}

bool is_manifest_type(std::string_view media_type) noexcept {
    return media_type == kOciManifest || media_type == kDockerManifest;
}

ManifestDescriptor parse_index_entry(const JsonReader& entry) {
    refuse_urls(entry);
    ManifestDescriptor out{.digest = parse_digest(entry),
                           .size = parse_size(entry, kMostManifestBytes),
                           .media_type = entry.string("mediaType"),
                           .os = {},
                           .architecture = {},
                           .ref_name = {}};
    if (const auto platform = entry.optional_object("platform")) {
        out.os = platform->string("os");
        out.architecture = platform->string("architecture");
    }
    if (const auto annotations = entry.optional_object("annotations")) {
        out.ref_name = annotations->optional_string(kRefNameAnnotation).value_or("");
    }
    return out;
}

std::vector<ManifestDescriptor> parse_index(std::string_view json, std::string_view media_type,
                                            const std::string& document) {
    if (!is_index_type(media_type)) {
        throw Error{Errc::bad_manifest,
                    fmt::format("{}: '{}' is not the media type of an index", document, media_type.substr(0, 100))};
    }
    const JsonReader reader = parse_envelope(json, media_type, document);
    if (reader.has("layers")) reader.fail("layers", "are in an index");
    std::vector<ManifestDescriptor> out;
    for (const JsonReader& entry : reader.objects("manifests")) out.push_back(parse_index_entry(entry));
    return out;
}

const ManifestDescriptor* select_platform(const std::vector<ManifestDescriptor>& entries,
                                          std::string_view architecture) noexcept {
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const ManifestDescriptor& entry) {
        return entry.os == "linux" && entry.architecture == architecture && is_manifest_type(entry.media_type);
    });
    return found == entries.end() ? nullptr : &*found;
}

ImageManifest parse_image_manifest(std::string_view json, std::string_view media_type, const std::string& document) {
    if (!is_manifest_type(media_type)) {
        throw Error{Errc::bad_manifest, fmt::format("{}: '{}' is not the media type of an image manifest", document,
                                                    media_type.substr(0, 100))};
    }
    const JsonReader reader = parse_envelope(json, media_type, document);
    if (reader.has("manifests")) reader.fail("manifests", "are in an image manifest");
    const JsonReader config = reader.object("config");
    refuse_urls(config);
    if (!is_one_of(config.string("mediaType"), kConfigTypes)) config.fail("mediaType", "is not that of an image");
    const std::vector<JsonReader> entries = reader.objects("layers");
    if (entries.size() > kMostLayers) {
        reader.fail("layers", fmt::format("are {}, more than the {} that are allowed", entries.size(), kMostLayers));
    }
    std::vector<ParsedLayer> layers;
    layers.reserve(entries.size());
    for (const JsonReader& entry : entries) layers.push_back(parse_layer(entry));
    assign_roles(reader, layers);
    ImageManifest out{
        .config_digest = parse_digest(config), .config_size = parse_size(config, kMostConfigBytes), .layers = {}};
    if (const auto annotations = reader.optional_object("annotations"))
        out.architecture = annotations->optional_string(kArchitectureAnnotation).value_or("");
    for (ParsedLayer& layer : layers) out.layers.push_back(std::move(layer.descriptor));
    check_roles(reader, out.layers);
    return out;
}

std::string parse_config_architecture(std::string_view json, const std::string& document) {
    return JsonReader::parse(json, document, Errc::bad_manifest).string("architecture");
}

}  // namespace overdrive
