#include "builder-images/artifact/delta/delta_image.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "archive/delta_reader.hpp"
#include "builder-images/artifact/manifest_links.hpp"
#include "model/driver_id.hpp"
#include "model/json_reader.hpp"
#include "registry/pair_index_manifest.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr const char* kFromLayer = "org.overdrive.delta.from-layer";
constexpr const char* kToLayer = "org.overdrive.delta.to-layer";
constexpr const char* kFromVersion = "org.overdrive.delta.from-version";
constexpr const char* kToVersion = "org.overdrive.delta.to-version";

JsonReader read(const RawManifest& manifest) {
    return JsonReader::parse(manifest.bytes, fmt::format("manifest {}", manifest.digest.text()), Errc::bad_manifest);
}

}  // namespace

std::string tag_of(const OfferedDelta& delta) {
    constexpr std::size_t kDigits = 12;
    return fmt::format("delta_{}_{}_{}_{}", delta.from_version, delta.to_version, delta.from.hex().substr(0, kDigits),
                       delta.to.hex().substr(0, kDigits));
}

RawManifest delta_manifest(const OfferedDelta& delta) {
    const std::string_view config = kEmptyConfig;
    const ordered_json document{
        {"schemaVersion", 2},
        {"mediaType", kManifestType},
        {"artifactType", kDeltaType},
        {"config",
         {{"mediaType", kEmptyConfigType}, {"digest", "sha256:" + sha256_hex(config)}, {"size", config.size()}}},
        {"layers", ordered_json::array(
                       {{{"mediaType", kDeltaType}, {"digest", delta.blob.text()}, {"size", delta.download_bytes}}})},
        {"annotations",
         {{kFromLayer, delta.from.text()},
          {kToLayer, delta.to.text()},
          {kFromVersion, delta.from_version},
          {kToVersion, delta.to_version}}}};
    std::string bytes = document.dump();
    const Digest digest = Digest::from_hex(sha256_hex(bytes));
    return {std::move(bytes), kManifestType, digest};
}

bool is_delta(const RawManifest& manifest) {
    return manifest.media_type == kManifestType && read(manifest).optional_string("artifactType") == kDeltaType;
}

OfferedDelta parse_delta_manifest(const RawManifest& manifest) {
    const ManifestLinks links = links_of(manifest);
    if (!is_delta(manifest) || links.blobs.size() != 2 || links.blobs[1].media_type != kDeltaType)
        throw Error{Errc::bad_manifest, fmt::format("{} is not the manifest of a delta", manifest.digest.text())};
    const JsonReader annotations = read(manifest).object("annotations");
    const auto version = [&](const char* name) {
        std::string text = annotations.string(name);
        if (!DriverId::is_valid(text)) annotations.fail(name, "is no driver version");
        return text;
    };
    return {.from = Digest::parse(annotations.string(kFromLayer)),
            .to = Digest::parse(annotations.string(kToLayer)),
            .from_version = version(kFromVersion),
            .to_version = version(kToVersion),
            .manifest = manifest.digest,
            .blob = links.blobs[1].digest,
            .download_bytes = links.blobs[1].size};
}

DeltaTable read_delta_table(ImageReader& place, const OfferedDelta& delta) {
    // All of the table lies in so many bytes; the rest is only hashed.
    constexpr std::uint64_t kMost = DeltaTable::kMostTableBytes + 64;
    std::string begin;
    place.read_blob({kDeltaType, delta.blob, delta.download_bytes, {}}, [&](std::string_view bytes) {
        if (begin.size() < kMost) begin += bytes;
    });
    bool given = false;
    DeltaReader reader{[&] { return std::exchange(given, true) ? std::string_view{} : std::string_view{begin}; }, {}};
    DeltaTable table = reader.read_table();
    if (table.from != delta.from || table.to != delta.to)
        throw Error{Errc::bad_manifest, fmt::format("the delta {} leads from {} to {}, not as its manifest says",
                                                    delta.blob.text(), table.from.text(), table.to.text())};
    return table;
}

}  // namespace overdrive
