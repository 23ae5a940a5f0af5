#include "builder-images/artifact/inspect.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "builder-images/artifact/manifest_links.hpp"
#include "builder-images/artifact/size_text.hpp"
#include "model/json_reader.hpp"
#include "support/release_with.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;
using ArchiveReader = std::unique_ptr<archive, ReleaseWith<archive_read_free>>;

constexpr std::uint64_t kMostDocument = 16U << 20U;
constexpr std::uint64_t kMostModules = 2ULL << 30U;  ///< compressed; held in memory
constexpr const char* kDriverJson = "driver/driver.json";
constexpr const char* kSignature = "driver/driver.json.sig";

struct Documents {
    std::string driver_json;
    std::string signature;
};

std::string read_member(archive* reader, const archive_entry* entry, const std::string& name) {
    const la_int64_t size = archive_entry_size(const_cast<archive_entry*>(entry));
    if (size < 0 || static_cast<std::uint64_t>(size) > kMostDocument)
        throw Error{Errc::bad_archive, fmt::format("'{}' is too large", name)};
    std::string content(static_cast<std::size_t>(size), '\0');
    if (archive_read_data(reader, content.data(), content.size()) != size)
        throw Error{Errc::bad_archive, fmt::format("'{}' cannot be read: {}", name, archive_error_string(reader))};
    return content;
}

/// Takes driver.json and its signature out of the compressed modules layer.
Documents documents_of(const std::string& layer) {
    const ArchiveReader reader{archive_read_new()};
    if (!reader) throw std::bad_alloc{};
    archive_read_support_format_tar(reader.get());
    archive_read_support_filter_zstd(reader.get());
    archive_read_support_filter_gzip(reader.get());
    const auto fail = [&] {
        return Error{Errc::bad_archive,
                     fmt::format("the modules layer cannot be read: {}", archive_error_string(reader.get()))};
    };
    if (archive_read_open_memory(reader.get(), layer.data(), layer.size()) != ARCHIVE_OK) throw fail();
    Documents documents;
    archive_entry* entry = nullptr;
    int result = ARCHIVE_OK;
    while ((result = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK) {
        const std::string name = archive_entry_pathname(entry);
        if (name == kDriverJson) documents.driver_json = read_member(reader.get(), entry, name);
        if (name == kSignature) documents.signature = read_member(reader.get(), entry, name);
    }
    if (result != ARCHIVE_EOF) throw fail();
    if (documents.driver_json.empty())
        throw Error{Errc::bad_archive, fmt::format("the modules layer has no '{}'", kDriverJson)};
    return documents;
}

/// The manifest of the architecture that is asked for, or of the only one.
RawManifest choose(ImageReader& place, const RawManifest& top, const std::optional<std::string>& architecture) {
    const ManifestLinks links = links_of(top);
    if (!links.is_index) {
        if (!architecture) return top;
        const std::string own = architecture_of(place, links);
        if (own.empty() || own == *architecture) return top;
        throw Error{Errc::no_artifact, fmt::format("the image is for {}, not for {}", own, *architecture)};
    }
    std::vector<const IndexEntry*> found;
    std::vector<std::string> names;
    for (const IndexEntry& entry : links.manifests) {
        if (entry.os != "linux") continue;  // attestations say "unknown"
        names.push_back(entry.architecture);
        if (!architecture || entry.architecture == *architecture) found.push_back(&entry);
    }
    if (found.size() != 1)
        throw Error{architecture ? Errc::no_artifact : Errc::bad_reference,
                    fmt::format("the image has {} architectures: {}", names.size(), fmt::join(names, ", "))}
            .with_remedy("name one of them with --architecture");
    auto manifest = place.manifest(found.front()->manifest.digest);
    if (!manifest)
        throw Error{Errc::incomplete_artifact, fmt::format("manifest {} is in the index, but it is not there",
                                                           found.front()->manifest.digest.text())};
    return std::move(*manifest);
}

std::string read_small(ImageReader& place, const BlobDescriptor& blob) {
    if (blob.size > kMostDocument)
        throw Error{Errc::bad_manifest, fmt::format("blob {} announces {} bytes; {} are allowed", blob.digest.text(),
                                                    blob.size, kMostDocument)};
    std::string bytes;
    place.read_blob(blob, [&](std::string_view piece) { bytes += piece; });
    return bytes;
}

BlobDescriptor descriptor_of(const JsonReader& reader) {
    return {reader.string("mediaType"), Digest::parse(reader.string("digest")), reader.number("size"), {}};
}

/// Reads and checks the layers; the modules layer's bytes are kept in `modules`.
std::vector<InspectedImage::Layer> read_layers(ImageReader& place, const JsonReader& manifest, bool every_blob,
                                               std::string& modules) {
    std::vector<InspectedImage::Layer> layers;
    for (const JsonReader& entry : manifest.objects("layers")) {
        const BlobDescriptor blob = descriptor_of(entry);
        const auto annotations = entry.optional_object("annotations");
        const std::string role =
            annotations ? annotations->optional_string("org.overdrive.layer").value_or("unknown") : "unknown";
        const bool wanted = role == to_string(LayerRole::modules);
        if (wanted && blob.size > kMostModules)
            throw Error{Errc::bad_manifest, fmt::format("the modules layer announces {} bytes", blob.size)};
        if (wanted || every_blob) {
            place.read_blob(blob, [&](std::string_view piece) {
                if (wanted) modules += piece;
            });
        }
        layers.push_back({role, blob.digest, blob.size});
    }
    return layers;
}

}  // namespace

InspectedImage inspect(ImageReader& place, const RawManifest& top, const InspectOptions& options) {
    const RawManifest chosen = choose(place, top, options.architecture);
    const JsonReader manifest = JsonReader::parse(chosen.bytes, "manifest", Errc::bad_manifest);
    const JsonReader config = JsonReader::parse(read_small(place, descriptor_of(manifest.object("config"))),
                                                "image config", Errc::bad_manifest);
    std::string modules;
    std::vector<InspectedImage::Layer> layers = read_layers(place, manifest, options.every_blob, modules);
    const Documents documents = documents_of(modules);
    InspectedImage image{.tag = options.tag,
                         .architecture = config.string("architecture"),
                         .manifest = chosen.digest,
                         .layers = std::move(layers),
                         .driver = DriverManifest::parse(documents.driver_json),
                         .driver_json = Digest::from_hex(sha256_hex(documents.driver_json)),
                         .is_signed = !documents.signature.empty(),
                         .labels = config.object("config").string_map("Labels"),
                         .every_blob = options.every_blob};
    if (manifest.string_map("annotations")["org.overdrive.driver-json-digest"] != image.driver_json.text())
        throw Error{Errc::digest_mismatch, "the manifest's annotation names another driver.json than the layer holds"};
    return image;
}

std::string to_text(const InspectedImage& image) {
    const DriverManifest& driver = image.driver;
    std::string text = fmt::format("driver          {} ({} modules)\n", driver.driver.text(), driver.module_type);
    text += fmt::format("OS              {} {}, OS key {}\n", driver.os_id, driver.os_version_id, driver.os_key);
    text += fmt::format("kernel          {} ({})\n", driver.kernel_release, driver.architecture);
    text += fmt::format("tag             {}\n", image.tag);
    text += fmt::format("manifest        {}\n", image.manifest.text());
    text +=
        fmt::format("driver.json     {}, {}\n", image.driver_json.text(), image.is_signed ? "signed" : "not signed");
    for (const InspectedImage::Layer& layer : image.layers)
        text +=
            fmt::format("layer           {:<10} {:>10}  {}\n", layer.role, size_text(layer.size), layer.digest.text());
    std::vector<std::string> names;
    for (const ModuleSpec& module : driver.modules) names.push_back(module.name);
    text += fmt::format("modules         {}\n", fmt::join(names, " "));
    text += fmt::format("unpacked        {} in {} files, {} inodes; {} libraries, {} programs\n",
                        size_text(driver.size_bytes), driver.files.size(), driver.inodes, driver.libraries.size(),
                        driver.programs.size());
    return text;
}

std::string to_json(const InspectedImage& image) {
    ordered_json layers = ordered_json::array();
    for (const InspectedImage::Layer& layer : image.layers)
        layers.push_back({{"role", layer.role}, {"digest", layer.digest.text()}, {"size", layer.size}});
    ordered_json driver = ordered_json::parse(image.driver.to_json());
    driver.erase("files");
    const ordered_json document{{"tag", image.tag},
                                {"architecture", image.architecture},
                                {"manifest", image.manifest.text()},
                                {"layers", layers},
                                {"labels", image.labels},
                                {"driver_json_digest", image.driver_json.text()},
                                {"signed", image.is_signed},
                                {"every_blob_read", image.every_blob},
                                {"driver_json", driver}};
    return document.dump(2) + "\n";
}

}  // namespace overdrive
