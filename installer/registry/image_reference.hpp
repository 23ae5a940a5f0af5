#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/digest.hpp"

namespace overdrive {

/// The grammar of everything that names an image. Nothing is used as a path or a URL before it has passed here.
/// @see OCI distribution-spec, "Pulling manifests"; containers-transports(5)

/// `name[:port]` taken apart; the name keeps the brackets of an IPv6 address.
struct HostAndPort {
    std::string_view name;
    std::string_view port;  ///< empty when none was given
};
/// nullopt when a colon announces a port and none follows. Nothing else about the parts is checked.
[[nodiscard]] std::optional<HostAndPort> split_port(std::string_view host) noexcept;

/// Whether `host` is `name[:port]`: a DNS name, an IPv4 address or an IPv6 address in brackets.
[[nodiscard]] bool is_registry_host(std::string_view host) noexcept;
/// Whether `repository` is one: parts in lower case with slashes between, at most 255 characters.
[[nodiscard]] bool is_repository(std::string_view repository) noexcept;
/// Whether `tag` is one: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
[[nodiscard]] bool is_tag(std::string_view tag) noexcept;

/// Whether a reference has an `@` that no digest follows: a login may stand before it, which no message repeats.
[[nodiscard]] bool may_hold_credentials(std::string_view text) noexcept;
inline constexpr std::string_view kCredentials =
    "has an '@' that no sha256 digest follows; credentials belong in an auth.json";

/// An image in a registry: `docker://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`.
struct ImageReference {
    std::string host;  ///< `registry.example:5000`
    std::string repository;
    std::string tag;               ///< empty when none is named
    std::optional<Digest> digest;  ///< what is meant wherever it is given; a tag beside it is for people

    /// As it was written.
    [[nodiscard]] std::string text() const;
    friend bool operator==(const ImageReference&, const ImageReference&) = default;
};

/// @throws Error bad_reference saying what is wrong and how it should look, never repeating credentials
[[nodiscard]] ImageReference parse_image_reference(std::string_view text);

}  // namespace overdrive
