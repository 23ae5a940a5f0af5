#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// Where artifacts come from, as the configuration or the command line names it.
struct SourceName {
    enum class Kind {
        registry,       ///< `docker://HOST[:PORT]/REPOSITORY`
        layout,         ///< `oci:DIRECTORY`, an OCI image layout
        layout_archive  ///< `oci-archive:FILE`, the same in one uncompressed tar file
    };
    Kind kind = Kind::registry;
    std::string host;        ///< `registry.example:5000`, with its port when one was given; registry only
    std::string repository;  ///< `overdrive/nvidia-debian`; registry only
    std::string path;        ///< directory or file; layout and layout_archive only

    /// As it was written.
    [[nodiscard]] std::string text() const;
};

/// Parses a source name whose `{os_id}` is filled in already. No tag, digest or credentials may be in it.
/// @throws Error bad_reference saying what is wrong and how it should look
/// @see OCI distribution-spec, "Pulling manifests" (repository grammar); containers-transports(5)
[[nodiscard]] SourceName parse_source_name(std::string_view text);

/// Whether `host` (`name[:port]`) is this machine: 127.0.0.0/8, [::1] or localhost.
[[nodiscard]] bool is_loopback(std::string_view host) noexcept;

/// Whether plain HTTP may be used to `host`: a loopback address, or named in `insecure` with or without its port.
[[nodiscard]] bool allows_plain_http(std::string_view host, const std::vector<std::string>& insecure);

}  // namespace overdrive
