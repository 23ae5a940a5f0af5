#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace overdrive {

/// What of a URL decides who is spoken to.
struct UrlParts {
    std::string scheme;  ///< in lower case
    std::string host;    ///< name or address, in lower case, `[...]` around an IPv6 address; without the port
    std::string port;    ///< the scheme's own when none was written
    bool has_user = false;

    /// `host:port`, without a port that is the scheme's own.
    [[nodiscard]] std::string authority() const;
    friend bool operator==(const UrlParts&, const UrlParts&) = default;
};

/// nullopt when it is no absolute URL. Numbers such as `2130706433` come out as the address that they are.
[[nodiscard]] std::optional<UrlParts> parse_url(const std::string& url);

/// `reference`, as it stands in an answer to a request for `base`, as an absolute URL; nullopt when it is none.
/// @see RFC 3986 5
[[nodiscard]] std::optional<std::string> resolve_url(const std::string& base, const std::string& reference);

/// `text` with everything but letters, digits, `-`, `.`, `_` and `~` percent-encoded.
[[nodiscard]] std::string percent_encoded(std::string_view text);

/// A URL for messages: without user, query and fragment, where secrets may be, and bounded.
[[nodiscard]] std::string shown_url(std::string_view url);
/// A message of a library, with every `user:password@` in it blotted out.
[[nodiscard]] std::string without_credentials(std::string_view text);

/// Whether `host` (a name or address as in UrlParts) is an address of this machine, or one that only means something on
/// it: loopback, unspecified, link-local (where clouds keep their metadata services).
[[nodiscard]] bool is_local_address(std::string_view host);
/// The same without loopback: link-local and unspecified addresses, which no registry is at.
[[nodiscard]] bool is_link_address(std::string_view host);

}  // namespace overdrive
