#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/driver_id.hpp"

namespace overdrive {

/// A driver id and an OS key: what an artifact is built for and what a generation is.
struct Pair {
    DriverId driver;
    std::string os_key;

    /// `<driver>/<os>`, the generation's place below /opt/nvidia.
    [[nodiscard]] std::string path() const { return driver.text() + "/" + os_key; }
    friend bool operator==(const Pair&, const Pair&) = default;
};

/// The inverse of Pair::path(). @throws Error bad_record when `path` is no pair
[[nodiscard]] Pair parse_pair_path(std::string_view path);

/// The tag of a pair, `<os>-<driver>`, with `+` written `_plus_` and `~` written `_tilde_`; a result over the 128
/// characters that a tag may have keeps the first 100 and ends in a digest of the whole.
/// @see OCI distribution-spec, "Pulling manifests" (tag grammar)
[[nodiscard]] std::string tag_of(const Pair& pair);
/// The pair of a tag; nullopt when it is none (a foreign or a shortened tag).
[[nodiscard]] std::optional<Pair> pair_of_tag(std::string_view tag);

/// Fills `{os_id}` in a repository template such as `registry.example/overdrive/nvidia-{os_id}`.
[[nodiscard]] std::string fill_template(std::string_view repository, std::string_view os_id);

}  // namespace overdrive
