#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ports/http_transport.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What the host keeps for TLS with one registry.
struct RegistryCertificates {
    /// A directory is there for this registry, even if it is empty: then https is spoken, whatever is called insecure.
    bool has_directory = false;
    TlsFiles tls{};  ///< absolute paths with every link resolved inside the host root
    std::vector<std::string> warnings{};
};

/// Looks for `certs.d/HOST[:PORT]/` in `~/.config/containers`, `/etc/containers` and `/etc/docker`; the first directory
/// that is there counts, as for the container tools. `*.crt` are authorities, `NAME.cert` and `NAME.key` a client's.
/// @param home below the host root
/// @param registry `registry.example:5000`, well-formed
/// @throws Error config naming the file: a `.cert` without its `.key` or the reverse, a link that leads nowhere, a file
///         that holds no PEM of its kind
/// @see containers-certs.d(5)
[[nodiscard]] RegistryCertificates find_certificates(const Root& host, const std::string& home,
                                                     std::string_view registry);

}  // namespace overdrive
