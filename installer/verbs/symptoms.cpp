#include "verbs/symptoms.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/unload_plan.hpp"
#include "verbs/cdi_symptoms.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/find_artifact.hpp"
#include "verbs/preflight.hpp"
#include "verbs/recovery.hpp"
#include "verbs/trust_check.hpp"
#include "verbs/unit_symptoms.hpp"

namespace overdrive {

namespace {

using namespace std::chrono_literals;

/// Runs `look`; what it throws is a symptom that another look tells of, or nothing that this host is ill with.
template <typename Look>
void as_far_as_possible(Symptoms& seen, Look&& look) {
    try {
        std::forward<Look>(look)();
    } catch (const Error& error) {
        if (error.code() == Errc::interrupted) throw;
        if (error.code() == Errc::service_manager && !seen.has_service_manager) return;  // told already
        seen.unseen.emplace_back(error.what());
    }
}

/// What an interactive verb would refuse, which is told more strictly than what a boot warns of.
std::vector<std::string> config_problems(const Root& root) {
    try {
        static_cast<void>(load_config(root, {}, Strictness::interactive));
        return {};
    } catch (const Error& error) {
        return {error.what()};
    }
}

void look_at_record(const Store& store, Symptoms& seen) {
    try {
        static_cast<void>(store.load_record());
    } catch (const Error& error) {
        (store.record_is_newer() ? seen.newer_record : seen.damaged_record) = error.what();
    }
    seen.lock_holder = store.lock_holder();
    if (!was_cut_off(store)) return;
    const auto journal = read_journal(store.root(), store.journal_path());
    seen.cut_off = journal ? fmt::format("'{}' was cut off{}", journal->header.verb,
                                         journal->steps.empty() ? std::string{}
                                                                : fmt::format(" in step '{}'", journal->last_step()))
                           : std::string{"a run was cut off while it wrote a file"};
}

void look_at_users(Services& services, const HostFacts& facts, Symptoms& seen) {
    if (!facts.driver_version) return;
    seen.holders = services.holders.find();
    seen.blockers = describe_blockers(plan_unload(facts));
    seen.kernel_uses = services.holders.find_in_kernel();
    seen.library_users = services.holders.find_library_users();
}

void look_at_trust(const Services& services, const Config& config, Symptoms& seen) {
    seen.has_sources = !config.sources.empty();
    seen.somebody_is_trusted = config.trust.allow_unsigned || !config.trust.keys.empty();
    seen.key_problems = load_trusted_keys(config.trust.keys, services.root).problems;
    for (const TrustPolicy& policy : config.trust_policies) {
        seen.somebody_is_trusted = seen.somebody_is_trusted || policy.allow_unsigned || !policy.keys.empty();
        for (std::string& problem : load_trusted_keys(policy.keys, services.root).problems)
            seen.key_problems.push_back(std::move(problem));
    }
}

/// What speaks against loading the driver. Of one that is in force already nobody asks why it could not be loaded.
void look_before_loading(Services& services, const Store& store, const LocalState& local, const Config& config,
                         Symptoms& seen) {
    if (seen.state.word == StateWord::no_device) return;
    seen.preflight = local.manifest ? preflight(services, store, local, config, *local.manifest, Occasion::by_hand)
                                    : preflight_host(services, store, local.facts);
    const bool in_force = seen.state.word == StateWord::ready;
    std::erase_if(seen.preflight, [&](const Finding& finding) {
        return severity_of(finding) == Severity::blocks && (in_force || !blocks(finding, config));
    });
}

void look_at_next_boot(Services& services, const LocalState& local, Symptoms& seen) {
    if (!services.find_pending_os) return;
    seen.pending_os = services.find_pending_os();
    if (!seen.pending_os) return;
    const PendingOs& pending = *seen.pending_os;
    seen.pending_os_has_driver =
        std::any_of(local.generations.begin(), local.generations.end(), [&](const GenerationInfo& generation) {
            return pending.kernel_release ? generation.kernel_release == *pending.kernel_release
                                          : generation.pair.os_key == pending.os_key;
        });
}

}  // namespace

Symptoms gather_symptoms(Services& services, LocalState& local) {
    Symptoms seen;
    seen.config_problems = config_problems(services.root);
    const Config config = load_config(services.root, {}, Strictness::boot);
    const Store store{services.root};
    local = read_local_state(services, store, config, seen.generation_problems);
    std::erase_if(seen.generation_problems, [](const std::string& problem) {  // the record's own is told by itself
        return problem.find("record.json") != std::string::npos;
    });
    for (std::string& problem : unfit_generations(store, local)) {
        const auto& told = seen.generation_problems;
        if (std::find(told.begin(), told.end(), problem) == told.end())
            seen.generation_problems.push_back(std::move(problem));
    }
    const HostFacts& facts = local.facts;
    seen.state = observe(services, store, local, config);
    seen.kernel_release = facts.kernel_release;
    seen.os_key = os_key(profile_for(facts.os_release.id()), facts.os_release, facts.kernel_release);
    if (local.wanted) seen.wanted = local.wanted->text;
    for (const GenerationInfo& generation : local.generations) seen.installed.push_back(generation.pair.path());
    if (local.selection.pair) seen.in_force = local.selection.pair->path();
    seen.loaded_version = facts.driver_version;
    seen.sees_everything = services.program.is_root;
    seen.has_service_manager = services.units.reachable();
    // A host on which one look fails is still looked at in all other ways.
    as_far_as_possible(seen, [&] { look_at_record(store, seen); });
    as_far_as_possible(seen, [&] { look_at_users(services, facts, seen); });
    as_far_as_possible(seen, [&] { look_at_trust(services, config, seen); });
    as_far_as_possible(seen,
                       [&] { seen.units = find_unit_symptoms(services, config, local.record.value_or(Record{})); });
    as_far_as_possible(seen, [&] { look_before_loading(services, store, local, config, seen); });
    as_far_as_possible(seen, [&] { look_at_next_boot(services, local, seen); });
    as_far_as_possible(seen, [&] { look_at_containers(services, store, local, config, seen); });
    return seen;
}

bool lacks_driver(const Symptoms& symptoms) noexcept {
    return symptoms.state.because == DegradedBecause::nothing_installed ||
           symptoms.state.because == DegradedBecause::no_local_pair;
}

void ask_sources(Services& services, const LocalState& local, Symptoms& symptoms, Report& report) {
    Config config = load_config(services.root, {}, Strictness::boot);
    config.patience = std::min<std::chrono::seconds>(config.patience, 30s);
    config.connect_timeout = std::min<std::chrono::seconds>(config.connect_timeout, 10s);
    config.stall_timeout = std::min<std::chrono::seconds>(config.stall_timeout, 10s);
    if (local.wanted) {  // the driver that the next boot wants, not the newest of its branch
        config.driver = local.wanted;
        config.pin.reset();
    }
    Symptoms::Asked asked;
    try {
        const Overrides none;
        const FoundArtifact found =
            find_artifact(services, Store{services.root}, config, {none}, local.facts, symptoms.os_key, report);
        asked.found = found.artifact.reference;
    } catch (const Error& error) {
        if (error.code() == Errc::interrupted) throw;
        asked.failure = error;
    }
    symptoms.asked = std::move(asked);
}

}  // namespace overdrive
