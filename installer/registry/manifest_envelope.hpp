#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/digest.hpp"
#include "model/json_reader.hpp"

namespace overdrive {

inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kDockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";

/// Parses the envelope that index and manifest share, and sees that the document is what it was announced as.
/// @throws Error bad_manifest
[[nodiscard]] JsonReader parse_envelope(std::string_view json, std::string_view media_type,
                                        const std::string& document);
/// The digest of a descriptor. @throws Error bad_manifest
[[nodiscard]] Digest parse_digest(const JsonReader& descriptor);
/// The size of a descriptor, from 1 to `most` bytes. @throws Error bad_manifest
[[nodiscard]] std::uint64_t parse_size(const JsonReader& descriptor, std::uint64_t most);
/// Refuses a descriptor whose content lies elsewhere. @throws Error bad_manifest
void refuse_urls(const JsonReader& descriptor);

}  // namespace overdrive
