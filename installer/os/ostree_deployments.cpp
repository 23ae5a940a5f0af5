#include "os/ostree_deployments.hpp"

#include <fmt/format.h>

#include <vector>

#include "model/json_reader.hpp"
#include "os/status_program.hpp"

namespace overdrive {

namespace {

constexpr const char* kRpmOstree = "/usr/bin/rpm-ostree";
constexpr const char* kBootc = "/usr/bin/bootc";
/// Written by ostree's initramfs program when the host was booted from a deployment. @see ostree-prepare-root(1)
constexpr const char* kBooted = "/run/ostree-booted";

/// A checksum becomes part of a path.
std::string checked(const JsonReader& reader, const std::string& name) {
    std::string checksum = reader.string(name);
    if (checksum.size() != 64 || checksum.find_first_not_of("0123456789abcdef") != std::string::npos)
        reader.fail(name, "is no commit checksum of 64 hexadecimal digits");
    return checksum;
}

/// A directory below /ostree/deploy.
std::string checked_name(const JsonReader& reader, const std::string& name) {
    std::string value = reader.optional_string(name).value_or("");
    if (value.find('/') != std::string::npos || value.starts_with('.')) reader.fail(name, "is no name of a directory");
    return value;
}

}  // namespace

std::optional<OstreeDeployment> pending_in_rpm_ostree(std::string_view json) {
    const JsonReader status = JsonReader::parse(json, "the output of 'rpm-ostree status --json'", Errc::unsupported);
    const std::vector<JsonReader> deployments = status.objects("deployments");
    // In the order of the boot menu: a staged one, or the one a rollback chose, stands before the booted one.
    if (deployments.empty() || deployments.front().boolean_or("booted", false)) return std::nullopt;
    const JsonReader& next = deployments.front();
    return OstreeDeployment{.source = "rpm-ostree",
                            .stateroot = checked_name(next, "osname"),
                            .checksum = checked(next, "checksum"),
                            .serial = next.number_or("serial", 0),
                            .version = next.optional_string("version").value_or("")};
}

std::optional<OstreeDeployment> pending_in_bootc(std::string_view json) {
    const JsonReader status =
        JsonReader::parse(json, "the output of 'bootc status --json'", Errc::unsupported).object("status");
    auto next = status.optional_object("staged");
    if (!next && status.boolean_or("rollbackQueued", false)) next = status.optional_object("rollback");
    if (!next) return std::nullopt;
    const JsonReader ostree = next->object("ostree");
    const auto image = next->optional_object("image");
    return OstreeDeployment{.source = "bootc",
                            .stateroot = checked_name(ostree, "stateroot"),
                            .checksum = checked(ostree, "checksum"),
                            .serial = ostree.number_or("deploySerial", 0),
                            .version = image ? image->optional_string("version").value_or("") : std::string{}};
}

std::optional<OstreeDeployment> pending_deployment(const Root& root, ProcessRunner& processes) {
    if (!root.exists(kBooted)) return std::nullopt;
    if (root.exists(kRpmOstree)) return pending_in_rpm_ostree(status_of(processes, {kRpmOstree, "status", "--json"}));
    if (root.exists(kBootc)) return pending_in_bootc(status_of(processes, {kBootc, "status", "--json"}));
    throw Error{Errc::unsupported, fmt::format("this host was booted from ostree, and neither '{}' nor '{}' is there",
                                               kRpmOstree, kBootc)};
}

std::optional<std::string> deployment_tree(const Root& root, const OstreeDeployment& deployment) {
    std::vector<std::string> stateroots{deployment.stateroot};
    if (deployment.stateroot.empty()) stateroots = root.list("/ostree/deploy");
    for (const std::string& stateroot : stateroots) {
        std::string tree =
            fmt::format("/ostree/deploy/{}/deploy/{}.{}", stateroot, deployment.checksum, deployment.serial);
        if (root.exists(tree)) return tree;
    }
    return std::nullopt;
}

}  // namespace overdrive
