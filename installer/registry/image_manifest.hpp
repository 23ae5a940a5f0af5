#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/digest.hpp"
#include "model/json_reader.hpp"
#include "ports/artifact_source.hpp"

namespace overdrive {

/// Manifests and indexes larger than this are refused. @see OCI distribution-spec, "Pushing manifests"
inline constexpr std::size_t kMostManifestBytes = 4U << 20U;
inline constexpr std::size_t kMostLayers = 64;
/// The annotation of a manifest that says its architecture, in OCI spelling.
inline constexpr const char* kArchitectureAnnotation = "org.overdrive.architecture";
/// A layer that claims more than this is refused.
inline constexpr std::uint64_t kMostLayerBytes = 16ULL << 30U;

/// What a registry is asked for: OCI and Docker schema 2, index and manifest.
[[nodiscard]] const std::string& manifest_accept_header();

/// Whether `media_type` is an index (OCI image index, Docker manifest list).
[[nodiscard]] bool is_index_type(std::string_view media_type) noexcept;
/// Whether `media_type` is an image manifest (OCI, Docker schema 2).
[[nodiscard]] bool is_manifest_type(std::string_view media_type) noexcept;

/// An entry of an index.
struct ManifestDescriptor {
    Digest digest;
    std::uint64_t size = 0;
    std::string media_type;
    std::string os;            ///< `linux`; empty when the entry names no platform
    std::string architecture;  ///< OCI spelling: `amd64`; empty when the entry names no platform
    std::string ref_name;      ///< annotation `org.opencontainers.image.ref.name`; empty when there is none
};

/// An image manifest, as far as it concerns us.
struct ImageManifest {
    Digest config_digest;
    std::uint64_t config_size = 0;
    std::vector<LayerDescriptor> layers;
    /// As the annotation `org.overdrive.architecture` says it, so that the configuration is not asked for; empty: see
    /// there
    std::string architecture{};
};

/// @param media_type what the transport said it is; the document's own `mediaType`, where it has one, must agree
/// @param document   for messages
/// @throws Error bad_manifest: malformed, both `manifests` and `layers`, a wrong media type, a size that cannot be
[[nodiscard]] std::vector<ManifestDescriptor> parse_index(std::string_view json, std::string_view media_type,
                                                          const std::string& document);

/// One entry of an index. @throws Error bad_manifest
[[nodiscard]] ManifestDescriptor parse_index_entry(const JsonReader& entry);

/// The entry for linux on `architecture`: the first that says so. nullptr when there is none.
[[nodiscard]] const ManifestDescriptor* select_platform(const std::vector<ManifestDescriptor>& entries,
                                                        std::string_view architecture) noexcept;

/// The role of a layer comes from its annotation `org.overdrive.layer`; an image without any such annotation (packed by
/// a foreign tool) must have exactly three layers, in the order program, user space, modules.
/// @throws Error bad_manifest: as for `parse_index`, and: more than 64 layers, a foreign layer (`urls`), a role that is
///         unknown, missing or given twice
[[nodiscard]] ImageManifest parse_image_manifest(std::string_view json, std::string_view media_type,
                                                 const std::string& document);

/// `architecture` of an image's configuration. @throws Error bad_manifest
[[nodiscard]] std::string parse_config_architecture(std::string_view json, const std::string& document);

}  // namespace overdrive
