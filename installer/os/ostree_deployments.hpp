#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ports/process_runner.hpp"
#include "support/root.hpp"

namespace overdrive {

/// A deployment that the next boot will use and that is not the booted one.
struct OstreeDeployment {
    std::string source;     ///< `rpm-ostree` or `bootc`
    std::string stateroot;  ///< `fedora-coreos`; empty where the program does not say it
    std::string checksum;   ///< of its commit
    std::uint64_t serial = 0;
    std::string version;  ///< empty where it has none
};

/// From `rpm-ostree status --json`: the first deployment, unless it is the booted one.
/// @throws Error unsupported when the text is not of that form
[[nodiscard]] std::optional<OstreeDeployment> pending_in_rpm_ostree(std::string_view json);

/// From `bootc status --json`: what is staged, or the rollback where that is queued.
/// @throws Error unsupported when the text is not of that form
[[nodiscard]] std::optional<OstreeDeployment> pending_in_bootc(std::string_view json);

/// Asks rpm-ostree, or bootc where there is no rpm-ostree. nullopt where the host was not booted from ostree.
/// @throws Error unsupported when neither is there, fails, or answers what cannot be read
[[nodiscard]] std::optional<OstreeDeployment> pending_deployment(const Root& root, ProcessRunner& processes);

/// Where a deployment's tree lies: `/ostree/deploy/fedora-coreos/deploy/<checksum>.0`; nullopt when it is not there.
[[nodiscard]] std::optional<std::string> deployment_tree(const Root& root, const OstreeDeployment& deployment);

}  // namespace overdrive
