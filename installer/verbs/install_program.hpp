#pragma once

#include <optional>
#include <string>

#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Where programs live on the host, versions side by side.
constexpr const char* kProgramRoot = "/opt/overdrive";

/// The version that /opt/overdrive/current names; nullopt when there is none.
[[nodiscard]] std::optional<std::string> installed_program_version(const Root& root);

/// Puts the bundle this program runs from on the host beside what is there, without making it current.
/// @return `/opt/overdrive/<version>`; nullopt in a development build, which is no bundle
/// @throws Error
std::optional<std::string> copy_own_program(Services& services, Report& report);

/// Makes a version current when it is newer than the one that is, after it has passed its self-test.
/// @return whether it became current
bool adopt_program(Services& services, const std::string& version, Report& report);

/// Brings the program of an artifact to the host when it is newer than the current one, beside it, and adopts it.
/// @param manifest verified driver.json of the artifact: it names the program's layer, which vouches for it
/// @return whether a newer one became current
/// @throws Error bad_manifest when the image's program layer is not the one that driver.json names
bool update_program(Services& services, ArtifactSource& source, const ResolvedArtifact& artifact,
                    const DriverManifest& manifest, Report& report);

}  // namespace overdrive
