#include "model/diagnosis.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace overdrive {

namespace {

std::string wanted_text(const Symptoms& seen) {
    return seen.wanted ? fmt::format("driver {}", *seen.wanted) : std::string{"a driver"};
}

std::string installed_text(const Symptoms& seen) {
    return seen.installed.empty() ? std::string{"nothing is installed"}
                                  : fmt::format("installed are {}", fmt::join(seen.installed, ", "));
}

/// Nothing that is installed can be loaded: what the sources say about that, where they were asked.
void add_missing_driver(const Symptoms& seen, std::vector<Finding>& findings) {
    const bool none = seen.installed.empty();
    const std::string here = none ? std::string{"no driver is installed"}
                                  : fmt::format("no installed driver fits kernel {} (OS key {}); {}",
                                                seen.kernel_release, seen.os_key, installed_text(seen));
    const auto add = [&](std::string what, std::string remedy) {
        findings.push_back(
            none ? make_finding("not-installed", seen.kernel_release, std::move(what), std::move(remedy))
                 : make_finding("no-local-pair", seen.kernel_release, std::move(what), std::move(remedy)));
    };
    if (!seen.asked) {
        add(fmt::format("{}, and {} for {} is missing", here, wanted_text(seen), seen.os_key),
            "'overdrive install' fetches it; 'overdrive doctor --ask-sources' tells whether it is there");
        return;
    }
    if (seen.asked->found) {
        add(fmt::format("{}, but {} has it", here, *seen.asked->found), "'overdrive install' fetches it");
        return;
    }
    if (!seen.asked->failure) return add(here, {});
    const Error& failure = *seen.asked->failure;
    if (failure.code() == Errc::no_artifact) {
        findings.push_back(
            make_finding("no-artifact", seen.os_key, fmt::format("{}; {}", here, failure.what()), failure.remedy()));
        return;
    }
    add(here, failure.code() == Errc::config ? failure.remedy() : std::string{});
    if (failure.code() != Errc::config) {
        findings.push_back(make_finding("source-unreachable", seen.os_key,
                                        fmt::format("it cannot be fetched: {}", failure.what()), failure.remedy()));
    }
}

/// Another driver is loaded than the wanted one.
void add_other_driver(const Symptoms& seen, std::vector<Finding>& findings) {
    std::string remedy;
    std::string holders;
    if (!seen.holders.empty()) holders = " and in use by " + to_text(seen.holders);
    for (const KernelUse& use : seen.kernel_uses) {
        holders += fmt::format("; {}: {}", use.module, use.what);
        remedy += use.remedy.empty() ? std::string{} : use.remedy + "; ";
    }
    if (holders.empty() && !seen.blockers.empty()) holders = ", held by what no process explains: " + seen.blockers;
    const std::string subject = seen.loaded_version.value_or("");
    if (holders.empty()) {
        findings.push_back(make_finding("reboot-needed", subject, seen.state.why + ", but nobody uses it any more",
                                        "'overdrive activate' brings the other one at once, or reboot"));
        return;
    }
    findings.push_back(make_finding(
        "driver-in-use", subject, fmt::format("{}: {} is loaded{}", seen.state.why, subject, holders),
        remedy + "end what is named (on a Kubernetes node: 'kubectl drain') and run 'overdrive activate', or reboot"));
}

void add_state(const Symptoms& seen, std::vector<Finding>& findings) {
    const auto add = [&](Finding finding) { findings.push_back(std::move(finding)); };
    const std::string subject = seen.in_force.value_or("");
    const std::string& why = seen.state.why;
    switch (seen.state.because) {
        case DegradedBecause::nothing:
            return;
        case DegradedBecause::nothing_installed:
        case DegradedBecause::no_local_pair:
            return add_missing_driver(seen, findings);
        case DegradedBecause::reboot_needed:
            return add_other_driver(seen, findings);
        case DegradedBecause::activation_failed:
            return add(
                make_finding("activation-failed", subject, fmt::format("the driver could not be activated: {}", why),
                             "'overdrive activate' tries again; 'overdrive rollback' returns to the driver before"));
        case DegradedBecause::returned:
            return add(make_finding("returned", subject, why));
        case DegradedBecause::not_active:
            return add(make_finding("not-active", subject, why));
        case DegradedBecause::modules:
            return add(make_finding("modules-missing", subject, why));
        case DegradedBecause::exposure:
            return add(make_finding("libraries-hidden", subject, why));
        case DegradedBecause::nodes:
            return add(make_finding("nodes-missing", subject, why));
        case DegradedBecause::daemons:
            return add(make_finding("daemon-missing", subject, why));
    }
}

void add_files(const Symptoms& seen, std::vector<Finding>& findings) {
    for (const std::string& problem : seen.config_problems)
        findings.push_back(make_finding("config-bad", "/etc/overdrive/config.toml", problem));
    for (const std::string& problem : seen.generation_problems)
        findings.push_back(make_finding("damaged-driver", "", problem));
    if (seen.newer_record) findings.push_back(make_finding("record-newer", "", *seen.newer_record));
    if (seen.damaged_record) findings.push_back(make_finding("record-damaged", "", *seen.damaged_record));
    if (seen.lock_holder) {
        findings.push_back(
            make_finding("run-at-work", "", fmt::format("another run is at work: {}", *seen.lock_holder)));
    } else if (seen.cut_off) {
        findings.push_back(make_finding("run-cut-off", "", *seen.cut_off));
    }
}

void add_unit(const UnitSymptom& unit, std::vector<Finding>& findings) {
    const std::string& name = unit.name;
    const auto add = [&](Finding finding) { findings.push_back(std::move(finding)); };
    switch (unit.kind) {
        case UnitSymptom::Kind::failed:
            return add(make_finding("unit-failed", name, fmt::format("{} failed", name),
                                    fmt::format("'journalctl -b -u {}' says why", name)));
        case UnitSymptom::Kind::masked:
            return add(make_finding("unit-masked", name, fmt::format("{} is masked", name),
                                    fmt::format("'systemctl unmask {}'", name)));
        case UnitSymptom::Kind::missing:
            return add(make_finding("unit-missing", name, fmt::format("'{}' is gone", name)));
        case UnitSymptom::Kind::not_enabled:
            return add(make_finding("unit-not-enabled", name, fmt::format("{} is not enabled", name),
                                    fmt::format("'systemctl enable {}'", name)));
        case UnitSymptom::Kind::edited:
            return add(make_finding("unit-edited", name, fmt::format("'{}' was edited since it was installed", name)));
        case UnitSymptom::Kind::foreign_drop_in:
            return add(make_finding("foreign-drop-in", name,
                                    fmt::format("'{}' is not ours and changes a unit of ours", name)));
    }
}

void add_containers(const Symptoms& seen, std::vector<Finding>& findings) {
    if (seen.cdi_missing) findings.push_back(make_finding("cdi-missing", "", *seen.cdi_missing));
    if (seen.cdi_stale) findings.push_back(make_finding("cdi-stale", "", *seen.cdi_stale));
    for (const std::string& rival : seen.cdi_rivals) findings.push_back(make_finding("cdi-rival", "", rival));
}

/// One finding a version: a node may have hundreds of such processes.
void add_old_libraries(const Symptoms& seen, std::vector<Finding>& findings) {
    if (!seen.loaded_version) return;
    std::set<std::string> versions;
    for (const LibraryUser& user : seen.library_users) {
        if (user.version != *seen.loaded_version) versions.insert(user.version);
    }
    for (const std::string& version : versions) {
        std::vector<DeviceHolder> users;
        for (const LibraryUser& user : seen.library_users) {
            const bool named = !users.empty() && users.back().pid == user.process.pid;
            if (user.version == version && !named) users.push_back(user.process);
        }
        findings.push_back(make_finding("old-libraries", version,
                                        fmt::format("driver {} is loaded, but the libraries of {} are used by {}",
                                                    *seen.loaded_version, version, to_text(users))));
    }
}

void add_next_boot(const Symptoms& seen, std::vector<Finding>& findings) {
    if (seen.pending_os && !seen.pending_os_has_driver) {
        findings.push_back(make_finding(
            "pending-os-missing", seen.pending_os->version,
            fmt::format("the next boot runs {} ({} says so), and no installed driver is for it",
                        seen.pending_os->os_key.empty() ? seen.pending_os->version : seen.pending_os->os_key,
                        seen.pending_os->source)));
    }
    if (!seen.has_sources) {
        findings.push_back(
            make_finding("no-source", "", "no source is configured: after an OS update nothing fetches the driver"));
    } else if (!seen.somebody_is_trusted) {
        findings.push_back(make_finding("no-trust", "", "sources are configured, but no key and no 'allow-unsigned'"));
    }
    for (const std::string& problem : seen.key_problems)
        findings.push_back(make_finding("key-unreadable", "", problem));
}

}  // namespace

std::vector<Finding> diagnose(const Symptoms& seen) {
    std::vector<Finding> findings = seen.preflight;
    add_state(seen, findings);
    add_files(seen, findings);
    for (const UnitSymptom& unit : seen.units) add_unit(unit, findings);
    add_containers(seen, findings);
    add_old_libraries(seen, findings);
    add_next_boot(seen, findings);
    if (!seen.has_service_manager)
        findings.push_back(make_finding("no-service-manager", "", "systemd cannot be reached from here"));
    if (!seen.sees_everything)
        findings.push_back(
            make_finding("sight-limited", "", "processes of others, and files that only root reads, cannot be seen"));
    for (const std::string& why : seen.unseen)
        findings.push_back(make_finding("sight-limited", "", fmt::format("not everything could be looked at: {}", why),
                                        "Mend what is named, then look again."));
    sort_by_importance(findings);
    return findings;
}

const Finding* cause_of(const std::vector<Finding>& findings) {
    const auto found = std::find_if(findings.begin(), findings.end(),
                                    [](const Finding& finding) { return severity_of(finding) != Severity::informs; });
    return found == findings.end() ? nullptr : &*found;
}

bool tells_of_trouble(std::string_view kernel_line) noexcept {
    constexpr std::array<std::string_view, 14> kWords{
        "Xid",      "rror",     "ailed",    "failure",         "nvalid", "Unknown symbol",    "version magic",
        "disagree", "rejected", "unsigned", "unavailable key", "annot",  "unknown parameter", "not supported"};
    return std::any_of(kWords.begin(), kWords.end(),
                       [&](std::string_view word) { return kernel_line.find(word) != std::string_view::npos; });
}

}  // namespace overdrive
