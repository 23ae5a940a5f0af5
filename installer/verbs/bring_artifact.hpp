#pragma once

#include <functional>

#include "transaction/steps/fill_staging.hpp"
#include "verbs/find_artifact.hpp"
#include "verbs/finish_install.hpp"
#include "verbs/trust_check.hpp"

namespace overdrive {

/// The policy for an artifact, and what the signatures of its image say; both asked before anything of it is pulled.
struct Trusting {
    PlaceTrust place;
    ImageAnswer image;
};

/// Asks who vouches for an artifact that was found.
/// @param allow_older it may be older than what was installed from its place before
/// @throws Error older_artifact, unreachable
[[nodiscard]] Trusting ask_trust(const Overrides& overrides, bool allow_older, const Services& services,
                                 const Store& store, const Config& config, FoundArtifact& found);

/// Refuses what is not for the OS it is fetched for. @throws Error incomplete_artifact
using RequireFit = std::function<void(const DriverManifest& manifest)>;

/// Fetches an artifact into a staging tree, after its driver.json was found to fit and to be trusted. Everything given
/// must outlive the answer.
/// @param installed is told what was downloaded and who vouches for it
[[nodiscard]] FillStaging::Fill fetching(Services& services, Store& store, const Trusting& trusting,
                                         FoundArtifact& found, RequireFit require_fit, Installed& installed,
                                         Report& report);

}  // namespace overdrive
