#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// Why an artifact was let in.
struct Vouching {
    enum class Kind {
        manifest,     ///< keys signed the digest of its index or manifest, for its repository
        driver_json,  ///< keys signed its driver.json, which lists every file
        unsigned_     ///< nobody vouches, and the policy allows that
    };
    Kind kind = Kind::unsigned_;
    std::vector<std::string> keys{};        ///< paths as the configuration or the command line names them
    std::optional<std::uint64_t> serial{};  ///< as signed; only with Kind::manifest
    std::string serial_of{};  ///< what the serial counts for: `registry.example/overdrive/nvidia-debian:TAG`

    friend bool operator==(const Vouching&, const Vouching&) = default;
};

/// `manifest`, `driver-json`, `unsigned`
[[nodiscard]] std::string_view to_string(Vouching::Kind kind) noexcept;
[[nodiscard]] std::optional<Vouching::Kind> parse_vouching_kind(std::string_view text) noexcept;

/// For people: `image signed by '/etc/overdrive/keys/first.pub' (serial 7)`, `unsigned`.
[[nodiscard]] std::string to_text(const Vouching& vouching);

}  // namespace overdrive
