#include "verbs/preflight.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "model/preflight.hpp"
#include "verbs/activation_plan.hpp"
#include "verbs/preconditions.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

PreflightFacts read_facts(Services& services, const Store& store, const HostFacts& host, const DriverManifest& manifest,
                          bool at_boot) {
    if (!services.read_preflight_facts) return {};
    return services.read_preflight_facts({.host = host,
                                          .manifest = &manifest,
                                          .generation = store.generation_path(manifest.pair()),
                                          .at_boot = at_boot});
}

std::vector<std::string> installed_versions(const LocalState& local) {
    std::vector<std::string> versions;
    for (const GenerationInfo& generation : local.generations) versions.emplace_back(generation.pair.driver.version());
    return versions;
}

/// What the overlay's own rules say: the plan, and what is on the host.
void judge_exposure(Services& services, const Store& store, const LocalState& local, const Config& config,
                    const DriverManifest& manifest, std::vector<Finding>& findings) {
    const bool is_said =
        std::any_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.code == "noexec"; });
    if (is_said) return;  // the overlay's rules would say it again
    try {
        const ExposurePlan plan = exposure_plan(services, store, local.facts, config, manifest);
        if (services.exposure.inspect(plan) != Exposure::State::healthy) services.exposure.check(plan);
    } catch (const Error& error) {
        if (error.code() != Errc::exposure) return;  // what cannot be looked at shows when it is done
        findings.push_back(Finding{"overlay-impossible", manifest.pair().path(), error.what(), error.remedy()});
    }
}

/// The reason that an activation ends with. What speaks against this driver lets another one be tried.
Errc reason_of(const Finding& finding) {
    struct Row {
        std::string_view code;
        Errc reason;
    };
    constexpr std::array kReasons{Row{"foreign-driver", Errc::foreign_driver},
                                  Row{"wrong-kernel", Errc::module_load},
                                  Row{"symbol-crc", Errc::module_load},
                                  Row{"signer-unknown", Errc::module_load},
                                  Row{"unsigned-module", Errc::module_load},
                                  Row{"gpu-unsupported", Errc::module_load},
                                  Row{"gpu-needs-open", Errc::module_load},
                                  Row{"gpu-needs-proprietary", Errc::module_load},
                                  Row{"bad-artifact-parameter", Errc::module_load},
                                  Row{"bad-parameter", Errc::config},
                                  Row{"overlay-impossible", Errc::exposure},
                                  Row{"noexec", Errc::exposure}};
    // The generation lacks it; elsewhere it is the host that lacks it.
    if (finding.code == "firmware-missing" && finding.subject.starts_with("/opt/nvidia/"))
        return Errc::incomplete_artifact;
    const auto row =
        std::find_if(kReasons.begin(), kReasons.end(), [&](const Row& each) { return each.code == finding.code; });
    return row == kReasons.end() ? Errc::preflight : row->reason;
}

std::string lines_of(const std::vector<Finding>& findings, const Config& config) {
    std::string text;
    for (const Finding& finding : findings) {
        const bool ignored = severity_of(finding) == Severity::blocks && !blocks(finding, config);
        text += fmt::format("{} ({}{}): {}\n  what to do: {}\n", finding.code, to_string(severity_of(finding)),
                            ignored ? ", ignored by the configuration" : "", finding.what, finding.remedy);
    }
    return text;
}

template <typename Value>
ordered_json or_null(const std::optional<Value>& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json policy_json(const KernelPolicy& policy) {
    return {{"enforces_signatures", or_null(policy.enforces_signatures)},
            {"lockdown", or_null(policy.lockdown)},
            {"secure_boot", or_null(policy.secure_boot)},
            {"modules_disabled", or_null(policy.modules_disabled)},
            {"enrolled_keys", policy.keys ? ordered_json(policy.keys->size()) : ordered_json(nullptr)}};
}

}  // namespace

std::vector<Finding> preflight(Services& services, const Store& store, const LocalState& local, const Config& config,
                               const DriverManifest& manifest, Occasion occasion) {
    const bool at_boot = occasion == Occasion::boot;
    const PreflightQuestion question{.host = local.facts,
                                     .manifest = manifest,
                                     .parameters = config.parameters,
                                     .own_versions = installed_versions(local),
                                     .at_boot = at_boot};
    auto findings = judge_preflight(question, read_facts(services, store, local.facts, manifest, at_boot));
    judge_exposure(services, store, local, config, manifest, findings);
    sort_by_importance(findings);
    return findings;
}

std::vector<Finding> preflight_host(Services& services, const Store& store, const HostFacts& host) {
    std::vector<Finding> findings;
    if (!services.read_preflight_facts || host.gpus.empty()) return findings;
    LocalState local;
    local.generations = store.list_generations();
    const PreflightFacts facts = services.read_preflight_facts({.host = host, .generation = ""});
    judge_foreign_drivers(host, installed_versions(local), false, facts, findings);
    if (host.driver_version) return findings;  // the rest is about loading
    judge_rivals(host, findings);
    judge_policy(facts.policy, findings);
    sort_by_importance(findings);
    return findings;
}

void refuse_foreign_driver(Services& services, const Store& store, const Config& config) {
    for (const Finding& finding : preflight_host(services, store, services.read_facts())) {
        if (finding.code == "foreign-driver" && blocks(finding, config))
            throw Error{Errc::foreign_driver, finding.what}.with_remedy(finding.remedy);
    }
}

bool blocks(const Finding& finding, const Config& config) {
    const auto& ignored = config.preflight_ignore;
    return severity_of(finding) == Severity::blocks &&
           std::find(ignored.begin(), ignored.end(), finding.code) == ignored.end();
}

void require_preflight(const std::vector<Finding>& findings, const Config& config, Report& report) {
    std::vector<std::string> others;
    const Finding* first = nullptr;
    for (const Finding& finding : findings) {
        if (!blocks(finding, config)) {
            if (severity_of(finding) != Severity::informs)
                report.warn(fmt::format("{}; {}", finding.what, finding.remedy));
        } else if (first == nullptr) {
            first = &finding;
        } else {
            others.push_back(finding.what);
        }
    }
    if (first == nullptr) return;
    const std::string more = others.empty() ? std::string{} : fmt::format("; also: {}", fmt::join(others, "; "));
    throw Error{reason_of(*first), first->what + more}.with_remedy(first->remedy);
}

DriverManifest with_parameters(Services& services, const Store& store, const HostFacts& host, const Config& config,
                               DriverManifest manifest) {
    if (config.parameters.empty()) return manifest;
    std::vector<Finding> refused;
    judge_parameters({.host = host, .manifest = manifest, .parameters = config.parameters, .own_versions = {}},
                     read_facts(services, store, host, manifest, true), refused);
    for (const auto& [name, parameters] : config.parameters) {
        for (ModuleSpec& module : manifest.modules) {
            if (kernel_spelling(module.name) != kernel_spelling(name)) continue;
            for (const auto& [parameter, value] : parameters) {
                const std::string subject = fmt::format("{}.{}", name, parameter);
                const bool is_good = std::none_of(refused.begin(), refused.end(),
                                                  [&](const Finding& finding) { return finding.subject == subject; });
                if (is_good) module.parameters.insert_or_assign(parameter, value);
            }
        }
    }
    return manifest;
}

std::string to_text(const std::vector<Finding>& findings) {
    std::string text;
    for (const Finding& finding : findings)
        text += fmt::format("{} ({}): {}; {}\n", finding.code, to_string(severity_of(finding)), finding.what,
                            finding.remedy);
    return text;
}

nlohmann::ordered_json to_json(const std::vector<Finding>& findings) {
    ordered_json out = ordered_json::array();
    for (const Finding& finding : findings) {
        out.push_back({{"code", finding.code},
                       {"severity", to_string(severity_of(finding))},
                       {"subject", finding.subject},
                       {"what", finding.what},
                       {"remedy", finding.remedy}});
    }
    return out;
}

ExitCode run_preflight(const PreflightOptions& options, Services& services, Report& report) {
    require_host_kernel(services, "preflight");
    const Config config = load_config(services.root, options.overrides, Strictness::interactive);
    const Store store{services.root};
    std::vector<std::string> warnings;
    LocalState local = read_local_state(services, store, config, warnings);
    for (const std::string& warning : warnings) report.warn(warning);
    if (local.selection.passed_over && (options.overrides.driver || !local.selection.pair))
        select(local, store, *local.selection.passed_over);
    if (!local.selection.pair) {
        throw Error{Errc::no_artifact, explain(local.selection, local.facts.kernel_release)}.with_remedy(
            "'overdrive list' shows what is installed, 'overdrive install --dry-run' what a source has");
    }
    const auto findings = preflight(services, store, local, config, *local.manifest, Occasion::by_hand);
    const bool stopped =
        std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) { return blocks(finding, config); });
    const std::string path = local.selection.pair->path();
    std::string text = lines_of(findings, config);
    text += local.facts.gpus.empty() ? std::string{"there is no GPU, so nothing would be loaded\n"}
            : stopped                ? fmt::format("{} cannot be loaded on this host as it is\n", path)
                                     : fmt::format("nothing speaks against {}\n", path);
    const KernelPolicy policy = services.read_kernel_policy ? services.read_kernel_policy() : KernelPolicy{};
    report.result({{"schema", 1},
                   {"generation", path},
                   {"blocked", stopped},
                   {"kernel", policy_json(policy)},
                   {"findings", to_json(findings)}},
                  text);
    return stopped ? ExitCode::answer_is_no : ExitCode::ok;
}

}  // namespace overdrive
