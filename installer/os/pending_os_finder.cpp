#include "os/pending_os_finder.hpp"

#include <utility>

#include "os/boot_kernel.hpp"
#include "os/default_snapshot.hpp"
#include "os/os_tree.hpp"
#include "os/ostree_deployments.hpp"
#include "os/update_engine.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// The OS key as far as it can be made from what is known; empty else.
std::string key_of(const PendingOs& pending, const OsProfile& profile, const HostFacts& running) {
    if (pending.os_release) {
        const bool needs_kernel =
            profile.key_rule == OsKeyRule::version_and_kernel ||
            (profile.key_rule == OsKeyRule::ostree_version && pending.os_release->field("OSTREE_VERSION").empty());
        if (needs_kernel && !pending.kernel_release) return {};
        return os_key(profile, *pending.os_release, pending.kernel_release.value_or(""));
    }
    // Only the version is known: enough where it alone makes the key.
    const bool version_is_key =
        profile.key_rule == OsKeyRule::version_id ||
        (profile.key_rule == OsKeyRule::ostree_version && !running.os_release.field("OSTREE_VERSION").empty());
    return version_is_key && is_path_safe(pending.version) ? pending.version : std::string{};
}

std::optional<PendingOs> from_update_engine(const Root& root) {
    const auto version = UpdateEngine{root}.pending_version();
    if (!version) return std::nullopt;
    return PendingOs{
        .source = "update_engine", .version = *version, .os_release = {}, .kernel_release = {}, .os_key = {}};
}

std::optional<PendingOs> from_ostree(const Root& root, ProcessRunner& processes) {
    const auto deployment = pending_deployment(root, processes);
    if (!deployment) return std::nullopt;
    PendingOs pending{.source = deployment->source,
                      .version = deployment->version.empty() ? deployment->checksum.substr(0, 12) : deployment->version,
                      .os_release = {},
                      .kernel_release = {},
                      .os_key = {}};
    if (const auto tree = deployment_tree(root, *deployment)) {
        pending.os_release = os_release_in(root, *tree);
        pending.kernel_release = newest_kernel(kernels_in(root, *tree));
    }
    return pending;
}

std::optional<PendingOs> from_snapshots(const Root& root, ProcessRunner& processes) {
    const auto number = pending_snapshot(root, processes);
    if (!number) return std::nullopt;
    const std::string tree = snapshot_tree(*number);
    PendingOs pending{.source = "snapper",
                      .version = "snapshot " + std::to_string(*number),
                      .os_release = os_release_in(root, tree),
                      .kernel_release = snapshot_kernel(root, tree),
                      .os_key = {}};
    if (pending.os_release) pending.version = pending.os_release->version_id() + ", " + pending.version;
    return pending;
}

std::optional<PendingOs> from_boot(const Root& root, const HostFacts& running) {
    auto kernel = default_boot_kernel(root);
    if (!kernel || *kernel == running.kernel_release) return std::nullopt;
    return PendingOs{.source = "boot",
                     .version = "kernel " + *kernel,
                     .os_release = running.os_release,
                     .kernel_release = *kernel,
                     .os_key = {}};
}

std::optional<PendingOs> ask(const Root& root, const OsProfile& profile, const HostFacts& facts,
                             ProcessRunner& processes) {
    switch (profile.pending) {
        case PendingSource::none:
            return std::nullopt;
        case PendingSource::update_engine:
            return from_update_engine(root);
        case PendingSource::ostree:
            return from_ostree(root, processes);
        case PendingSource::snapshot:
            return from_snapshots(root, processes);
        case PendingSource::boot_kernel:
            return from_boot(root, facts);
    }
    return std::nullopt;
}

}  // namespace

PendingSource pending_source_of(const Root& root) {
    const auto release = os_release_in(root, "");
    return release ? profile_for(release->id()).pending : PendingSource::none;
}

std::optional<PendingOs> find_pending_os(const Root& root, const HostFacts& facts, ProcessRunner& processes) {
    const OsProfile& profile = profile_for(facts.os_release.id());
    auto pending = ask(root, profile, facts, processes);
    if (!pending) return std::nullopt;
    pending->os_key = key_of(*pending, profile, facts);
    return pending;
}

}  // namespace overdrive
