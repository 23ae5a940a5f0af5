#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/digest.hpp"
#include "registry/endpoint.hpp"

namespace overdrive {

/// Pure rules about where a registry wants to be asked next.

/// The URL that a Location or Link field means: absolute, or beginning with a slash and then on the endpoint's host.
/// @throws Error bad_manifest when it is neither http nor https, or too long
[[nodiscard]] std::string absolute_url(const Endpoint& endpoint, std::string_view field);

/// `location` with the digest that closes an upload, behind what query it has already.
[[nodiscard]] std::string with_digest(const std::string& location, const Digest& digest);

/// Whether `url` lies on the endpoint: the next page of a list may not lead elsewhere.
[[nodiscard]] bool is_on_endpoint(const Endpoint& endpoint, std::string_view url);

/// `first-last` of a piece, both included. @param bytes of the piece, at least 1
[[nodiscard]] std::string piece_range(std::uint64_t first, std::uint64_t bytes);

/// What the query of a mount is: `blobs/uploads/?mount=...&from=...`.
[[nodiscard]] std::string mount_path(const Digest& digest, std::string_view repository);

}  // namespace overdrive
