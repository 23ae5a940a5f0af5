#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/pair.hpp"
#include "verbs/ask_index.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// An artifact that was found, and the source that has it.
struct FoundArtifact {
    std::unique_ptr<ArtifactSource> source;
    ResolvedArtifact artifact;
    Pair pair;
    std::optional<IndexWord> index{};    ///< of the pair index that named it; nullopt: its version was asked for
    std::vector<OfferedDelta> deltas{};  ///< that the source's pair index offers, as far as it was asked
};

/// `x86_64` -> `amd64`, `aarch64` -> `arm64`, others unchanged. @see OCI image-spec, GOARCH
[[nodiscard]] std::string oci_architecture(std::string_view machine);

/// Called with each source's configured name before it is opened. May throw.
using BeforeAsking = std::function<void(const std::string& source)>;

/// Asks the configured sources in order for the wished driver's artifact for this OS key. A version is asked for by its
/// computed tag; what a branch or a channel means is chosen by the source's pair index (`choose_pairs`), and fetched by
/// the digest that it names. Tags are never listed. Where a version was asked for, the index is asked only by a node
/// that has another version of the branch, whose user space a delta could start from.
/// @param facts for the architecture, os-release ID, GPUs and kernel, whose release is empty where it is not known
/// @throws Error config: no wish or no source; no_artifact: every source answered no, the nearest pairs are named, or
///         it is a branch or a channel and no source has a pair index; incomplete_artifact: an index names what its
///         source does not have; unreachable, login_refused, tls_refused: none had it and at least one could not be
///         asked; each failure is named, the reason is the one that passes least by itself; as ask_index
[[nodiscard]] FoundArtifact find_artifact(Services& services, const Store& store, const Config& config,
                                          const IndexTrusting& trusting, const HostFacts& facts,
                                          const std::string& os_key, Report& report,
                                          const BeforeAsking& before_asking = {});

}  // namespace overdrive
