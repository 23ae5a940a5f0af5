#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cdi/version.hpp"

namespace overdrive {

/// A container engine and its version, as `--for` takes it: `podman=4.9`.
struct CdiEngine {
    std::string name;  ///< podman, docker, containerd or cri-o
    CdiVersion version;
};

/// Reads `ENGINE=VERSION`; `crio` and `moby` are known too.
/// @throws Error usage: not of that form, or an engine that is not known
[[nodiscard]] CdiEngine parse_cdi_engine(std::string_view text);

/// The newest CDI version that an engine loads; nullopt when it has no CDI, or one from before 0.3.0. An engine newer
/// than this program knows is taken for the newest one known. An engine built by a distribution against a newer library
/// than its release names may load more.
/// @see the dependency files (go.mod, vendor.mod) of each engine's release tags, mid 2026
[[nodiscard]] std::optional<CdiVersion> newest_cdi_version_of(const CdiEngine& engine);

}  // namespace overdrive
