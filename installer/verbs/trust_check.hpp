#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "store/store.hpp"
#include "trust/freshness.hpp"
#include "trust/image_trust.hpp"
#include "trust/trust.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/find_artifact.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// The place of the image that we run in, for `[[trust.policy]]`.
inline constexpr const char* kImagePlace = "image:";

/// Who may vouch for what comes from one place.
struct PlaceTrust {
    TrustPolicy policy;
    TrustedKeys keys;
};

/// The policy for a place, with its keys read from the host and those of the command line from our own tree.
/// @param place a repository with its host, the name of a layout, or kImagePlace
[[nodiscard]] PlaceTrust trust_for(const Services& services, const Config& config, const Overrides& overrides,
                                   const std::string& place);

/// Where an artifact comes from, as a policy's prefix names it: its repository, or the name of a source that has none.
[[nodiscard]] std::string place_of(const FoundArtifact& found);

/// What a signature of a found artifact must be for.
[[nodiscard]] ImageClaim claim_of(const FoundArtifact& found);

/// Asks a source for an image's signatures and those for their word. It is asked for more of them only while those that
/// it has given do not satisfy the policy, or do not reach the serial that is remembered.
/// @throws Error as ArtifactSource::signatures
[[nodiscard]] ImageAnswer hear_signatures(const PlaceTrust& trust, const Serials& known, const ImageClaim& claim,
                                          ArtifactSource& source, const ResolvedArtifact& image);

/// The same for a found artifact, before anything of it is pulled. Without keys nothing is asked. Signatures that
/// cannot be read are none.
/// @throws Error unreachable, login_refused, tls_refused
[[nodiscard]] ImageAnswer ask_source(const PlaceTrust& trust, const Serials& known, FoundArtifact& found);

/// The serials that the record remembers; of what it does not know any more, those of the installed generations.
[[nodiscard]] Serials known_serials(const Store& store);

/// Remembers the serial of what was let in. What had none was let in knowingly, and is then remembered to have none.
void remember_serial(Record& record, const Vouching& vouching, const ImageClaim& claim);

/// `{"kind": "manifest", "signed_by": [...], "serial": 7}`, or null when it is not known.
[[nodiscard]] nlohmann::ordered_json trust_json(const std::optional<Vouching>& vouching);

}  // namespace overdrive
