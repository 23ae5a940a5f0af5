#pragma once

#include <optional>

#include "model/pair_choice.hpp"
#include "trust/image_trust.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/services.hpp"

namespace overdrive {

class Store;

/// Whose word is taken for the pair index of a source.
struct IndexTrusting {
    const Overrides& overrides;
    bool allow_older = false;  ///< it may be older than what was gone by before
};

/// What a pair index was let in by, to be remembered when what it named is installed.
struct IndexWord {
    ImageClaim claim;
    Vouching vouching;
};

/// The pair index of a source, let in by the policy of its place.
struct TrustedIndex {
    PairIndex index;
    IndexWord word;
};

/// Asks a source for its pair index. Its signatures are asked first; only then the document is fetched and read.
/// @return nullopt when the source has none
/// @throws Error untrusted; older_artifact: its serial is lower than one that was gone by before; bad_manifest:
///         malformed, or that of another repository; unreachable, login_refused, tls_refused, digest_mismatch,
///         truncated
[[nodiscard]] std::optional<TrustedIndex> ask_index(const Services& services, const Store& store, const Config& config,
                                                    const IndexTrusting& trusting, ArtifactSource& source);

/// What a choice for this host goes by. @param os_key of the OS release that the driver is for
[[nodiscard]] PairQuestion pair_question(const Store& store, const HostFacts& facts, const std::string& os_key);

}  // namespace overdrive
