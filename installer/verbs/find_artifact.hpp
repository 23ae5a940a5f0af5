#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/pair.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// An artifact that was found, and the source that has it.
struct FoundArtifact {
    std::unique_ptr<ArtifactSource> source;
    ResolvedArtifact artifact;
    Pair pair;
};

/// `x86_64` -> `amd64`, `aarch64` -> `arm64`, others unchanged. @see OCI image-spec, GOARCH
[[nodiscard]] std::string oci_architecture(std::string_view machine);

/// Called with each source's configured name before it is opened. May throw.
using BeforeAsking = std::function<void(const std::string& source)>;

/// Asks the configured sources in order for the wished driver's artifact for this OS key. A version is asked for by its
/// computed tag; a branch takes the newest of the branch among the source's tags.
/// @param facts for the architecture and os-release ID; the kernel release, empty where it is not known, for messages
/// @throws Error config: no wish or no source; no_artifact: every source answered no, the nearest pairs are named;
///         unreachable, login_refused, tls_refused: none had it and at least one could not be asked; each failure is
///         named, the reason is the one that passes least by itself
[[nodiscard]] FoundArtifact find_artifact(Services& services, const Config& config, const HostFacts& facts,
                                          const std::string& os_key, Report& report,
                                          const BeforeAsking& before_asking = {});

}  // namespace overdrive
