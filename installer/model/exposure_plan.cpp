#include "model/exposure_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "support/error.hpp"

namespace overdrive {

ExposureMode choose_mode(const OsProfile& profile, const HostFacts& facts, std::string_view wish) {
    if (wish == to_string(ExposureMode::overlay)) return ExposureMode::overlay;
    if (wish == to_string(ExposureMode::links)) return ExposureMode::links;
    if (profile.exposure == ExposureRule::overlay) return ExposureMode::overlay;
    return facts.usr_is_read_only() ? ExposureMode::overlay : ExposureMode::links;
}

std::string choose_program_directory(const OsProfile& profile, const HostFacts& facts) {
    const bool is_out_of_reach = facts.usr_local_is_read_only && profile.program_directory.starts_with("/usr/local/");
    return std::string{is_out_of_reach ? "/opt/bin" : profile.program_directory};
}

ExposurePlan plan_exposure(const OsProfile& profile, const HostFacts& facts, const DriverManifest& manifest,
                           std::string_view generation, std::string_view wish,
                           const std::vector<std::string>& base_names) {
    ExposurePlan plan;
    plan.mode = choose_mode(profile, facts, wish);
    plan.generation = generation;
    plan.library_directory = plan.generation + "/lib64";
    plan.libraries = manifest.libraries;
    plan.program_directory = choose_program_directory(profile, facts);
    plan.programs = manifest.programs;
    if (plan.mode == ExposureMode::links) return plan;

    std::vector<std::string> collisions;
    for (const std::string& name : plan.libraries) {
        if (std::binary_search(base_names.begin(), base_names.end(), name)) collisions.push_back(name);
    }
    if (!collisions.empty()) {
        throw Error{Errc::exposure, fmt::format("the host's own '{}' already has {}; an overlay may only add names",
                                                plan.target, fmt::join(collisions, ", "))}
            .with_remedy(
                "remove these packages from the host, or set exposure = \"links\" in /etc/overdrive/config.toml");
    }
    return plan;
}

}  // namespace overdrive
