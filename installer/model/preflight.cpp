#include "model/preflight.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace overdrive {

namespace {

/// Whether anything of the driver is still to be loaded: what is in the kernel has passed the kernel's own checks.
bool loads_something(const PreflightQuestion& question) {
    const DriverManifest& manifest = question.manifest;
    if (question.host.gpus.empty()) return false;
    if (question.host.driver_version && question.host.driver_version != manifest.driver_version) return true;
    return std::any_of(manifest.modules.begin(), manifest.modules.end(), [&](const ModuleSpec& module) {
        return module.autoload && question.host.loaded(module.name) == nullptr;
    });
}

/// What is loaded may be another build of the same version than what is installed now.
void judge_build(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings) {
    const std::string& version = question.manifest.driver_version;
    const auto builds = std::count(question.own_versions.begin(), question.own_versions.end(), version);
    if (!facts.modules || !facts.loaded_srcversion || question.host.driver_version != version || builds != 1) return;
    for (const ModuleFacts& module : *facts.modules) {
        if (module.name != "nvidia" || module.srcversion.empty() || module.srcversion == *facts.loaded_srcversion)
            continue;
        findings.push_back(
            Finding{"other-build", "nvidia",
                    fmt::format("the loaded module 'nvidia' is another build of driver {} (srcversion {}) than "
                                "the installed one ({})",
                                version, *facts.loaded_srcversion, module.srcversion),
                    "a reboot loads the installed one"});
    }
}

void judge_place(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings) {
    const std::string generation = question.manifest.pair().path();
    if (facts.noexec)
        findings.push_back(
            Finding{"noexec", generation, fmt::format("{} lies on a file system that is mounted noexec", generation),
                    "mount it without noexec: 'mount -o remount,exec' on its mount point, and in fstab"});
    if (facts.wrong_labels.empty()) return;
    const WrongLabel& first = facts.wrong_labels.front();
    findings.push_back(
        {"selinux-label", generation,
         fmt::format("SELinux enforces, and '{}'{} {}, so that confined processes cannot read it", first.path,
                     facts.wrong_labels.size() == 1 ? std::string{}
                                                    : fmt::format(" (and {} more)", facts.wrong_labels.size() - 1),
                     first.label.empty() ? "has no label" : fmt::format("is labelled {}", first.label)),
         fmt::format("'restorecon -R /opt/nvidia/{}'; where that changes nothing, 'chcon -R -t usr_t' "
                     "does",
                     generation)});
}

}  // namespace

std::vector<Finding> judge_preflight(const PreflightQuestion& question, const PreflightFacts& facts) {
    std::vector<Finding> findings;
    judge_foreign_drivers(question.host, question.own_versions, question.at_boot, facts, findings);
    judge_place(question, facts, findings);
    judge_build(question, facts, findings);
    if (loads_something(question)) {
        judge_rivals(question.host, findings);
        judge_policy(facts.policy, findings);
        judge_gpus(question, facts, findings);
        judge_vermagic(question, facts, findings);
        judge_symbols(question, facts, findings);
        judge_signatures(facts, findings);
        judge_parameters(question, facts, findings);
        judge_firmware(question, facts, findings);
    }
    sort_by_importance(findings);
    return findings;
}

}  // namespace overdrive
