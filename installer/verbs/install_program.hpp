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

}  // namespace overdrive
