#include "verbs/bring_artifact.hpp"

#include <fmt/format.h>

#include "store/fetch.hpp"
#include "store/tree_check.hpp"

namespace overdrive {

Trusting ask_trust(const Overrides& overrides, bool allow_older, const Services& services, const Store& store,
                   const Config& config, FoundArtifact& found) {
    Trusting trusting{.place = trust_for(services, config, overrides, place_of(found)), .image = {}};
    const Serials known = known_serials(store);
    trusting.image = ask_source(trusting.place, known, found);
    if (!allow_older) require_not_older(known, claim_of(found), trusting.image);
    return trusting;
}

FillStaging::Fill fetching(Services& services, Store& store, const Trusting& trusting, FoundArtifact& found,
                           RequireFit require_fit, Installed& installed, Report& report) {
    return [&, require_fit = std::move(require_fit)](const Staging& staging) {
        const auto check = [&](const DriverManifest& manifest, const std::string& json,
                               const std::optional<std::string>& signature) {
            require_fit(manifest);
            if (manifest.driver != found.pair.driver) {
                throw Error{Errc::bad_manifest, fmt::format("driver.json is of driver {}, the tag of {}",
                                                            manifest.driver.text(), found.pair.driver.text())};
            }
            if (trusting.image.vouching) {
                installed.vouching = trusting.image.vouching;
                report.note(to_text(*installed.vouching));
            } else {
                const TrustResult trust =
                    check_trust(trusting.place.policy, trusting.place.keys, json, signature, trusting.image.why_not);
                installed.vouching = trust.vouching;
                report.note(trust.reason);
            }
            check_module_files(services.modules, staging.path(), manifest);
        };
        const FetchResult fetched = fetch_artifact(*found.source, found.artifact, staging, store, services.progress,
                                                   check, found.deltas, &services.guard);
        if (!fetched.not_reused.empty())
            report.warn(fmt::format("installed user space was not reused: {}", fetched.not_reused));
        if (!fetched.delta_failed.empty())
            report.warn(fmt::format("all of user space was fetched, because of {}", fetched.delta_failed));
        if (fetched.delta) installed.delta_from = fetched.delta->from_version;
        installed.bytes_downloaded = fetched.bytes_downloaded;
        installed.reused_user_space = fetched.reused_user_space;
        installed.rehashed_bytes = fetched.rehashed_bytes;
        installed.vouched_bytes = fetched.vouched_bytes;
        return describe_generation(fetched, &found.artifact, found.artifact.reference, services.clock.wall());
    };
}

}  // namespace overdrive
