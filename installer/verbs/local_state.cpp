#include "verbs/local_state.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "verbs/daemons.hpp"
#include "verbs/runtime_files.hpp"
#include "verbs/told_state.hpp"

namespace overdrive {

namespace {

/// driver.json of a generation for this kernel release, when it was built for this very kernel: same architecture, and
/// the same build where both are known. One whose driver.json cannot be read fits nothing.
std::optional<DriverManifest> fitting_manifest(const Store& store, const Pair& pair, const HostFacts& facts,
                                               std::vector<std::string>& warnings) {
    try {
        DriverManifest manifest = store.read_manifest(pair);
        const bool other_build =
            manifest.build_id && facts.kernel_build_id && manifest.build_id != facts.kernel_build_id;
        if (other_build) {
            warnings.push_back(fmt::format("{} is for another build of kernel {}", pair.path(), facts.kernel_release));
        }
        if (manifest.architecture != facts.architecture || other_build) return std::nullopt;
        return manifest;
    } catch (const Error& error) {
        warnings.push_back(fmt::format("{} is not used: {}", pair.path(), error.what()));
        return std::nullopt;
    }
}

/// The generations that may fit, as their commit records tell it.
std::vector<Candidate> candidates(const std::vector<GenerationInfo>& generations) {
    std::vector<Candidate> out;
    out.reserve(generations.size());
    for (const GenerationInfo& generation : generations) out.push_back({generation.pair, generation.kernel_release});
    return out;
}

/// The configuration's wish, but between updates a branch means the driver that the last install resolved it to, and an
/// operator's rollback holds as long as the configuration wishes what it did then.
std::optional<DriverWish> wanted_driver(const Config& config, const std::optional<Record>& record) {
    auto wish = config.wish();
    if (!record) return wish;
    const auto configured = wish ? std::optional{wish->text} : std::nullopt;
    if (record->rolled_back && record->rolled_back->configured == configured)
        return DriverWish::parse(record->rolled_back->to.driver.text());
    if (record->desired && (!wish || wish->allows(record->desired->driver)))
        return DriverWish::parse(record->desired->driver.text());
    return wish;
}

Experience experience_of(const std::optional<Record>& record, const HostFacts& facts) {
    Experience experience;
    if (!record) return experience;
    for (const Attempt& attempt : record->attempts) {
        const bool failed_now = attempt.interrupted == 0 && attempt.boot_id == facts.boot_id;
        if (failed_now || attempt.interrupted >= kMostInterrupted) experience.barred.push_back(attempt.pair);
    }
    const auto good = record->last_good.find(facts.kernel_release);
    if (good != record->last_good.end()) experience.last_good = good->second;
    return experience;
}

/// Why the wanted pair was not selected, in words.
std::optional<std::string> passed_over(const LocalState& local) {
    if (!local.selection.passed_over) return std::nullopt;
    const Pair& pair = *local.selection.passed_over;
    const Attempt* attempt = local.record ? local.record->attempt(pair) : nullptr;
    if (attempt == nullptr) return fmt::format("{} failed", pair.path());
    if (attempt->interrupted > 0)
        return fmt::format(
            "{} is not tried any more: {} boots in a row ended while it was being activated; 'overdrive "
            "activate {}' tries it again",
            pair.path(), attempt->interrupted, pair.driver.text());
    return fmt::format("{} failed: {}", pair.path(), attempt->reason);
}

std::vector<std::string> missing_modules(const HostFacts& facts, const DriverManifest& manifest) {
    std::vector<std::string> missing;
    for (const ModuleSpec& module : manifest.modules) {
        if (module.autoload && module.required && facts.loaded(module.name) == nullptr) missing.push_back(module.name);
    }
    return missing;
}

}  // namespace

std::optional<Pair> read_current(const Store& store, std::vector<std::string>& warnings) {
    try {
        return store.read_current();
    } catch (const Error& error) {  // activating points it anew, or says why it cannot
        warnings.emplace_back(error.what());
        return std::nullopt;
    }
}

LocalState read_local_state(const Services& services, const Store& store, const Config& config,
                            std::vector<std::string>& warnings, Known known) {
    LocalState local;
    local.facts = known.facts ? std::move(*known.facts) : services.read_facts();
    local.generations = store.list_generations();
    RecordLook look = known.record ? std::move(*known.record) : store.look_at_record();
    if (look.fault) warnings.emplace_back(look.fault->what());
    local.record = std::move(look.record);
    local.record_is_newer = look.is_newer;
    local.current = read_current(store, warnings);
    select_by_rules(local, store, config, warnings);
    return local;
}

void select_by_rules(LocalState& local, const Store& store, const Config& config, std::vector<std::string>& warnings) {
    local.wanted = wanted_driver(config, local.record);
    const Experience experience = experience_of(local.record, local.facts);
    std::vector<Candidate> fitting = candidates(local.generations);
    const auto fits = [&](const Pair& pair) {
        auto manifest = fitting_manifest(store, pair, local.facts, warnings);
        const bool is_fit = manifest.has_value();
        if (pair == local.selection.pair) local.manifest = std::move(manifest);
        return is_fit;
    };
    // Only the driver.json of what is selected is read: the others, fit or not, leave the selection as it is.
    for (bool settled = false; !settled;) {
        local.selection = select_generation(fitting, local.wanted, local.facts.kernel_release, experience);
        local.manifest.reset();
        settled = true;
        for (const auto& pair : {local.selection.pair, local.selection.passed_over}) {
            if (!pair || fits(*pair)) continue;
            settled = false;
            std::erase_if(fitting, [&](const Candidate& candidate) { return candidate.pair == *pair; });
        }
    }
}

std::vector<std::string> unfit_generations(const Store& store, const LocalState& local) {
    std::vector<std::string> problems;
    for (const GenerationInfo& generation : local.generations) {
        if (generation.kernel_release == local.facts.kernel_release)
            static_cast<void>(fitting_manifest(store, generation.pair, local.facts, problems));
    }
    return problems;
}

void select(LocalState& local, const Store& store, const Pair& pair) {
    if (local.selection.pair == pair && local.manifest) return;
    local.manifest = store.read_manifest(pair);
    local.selection = {Selection::Why::wanted, pair, {}};
}

DriverLook look_at_driver(Services& services, const Store& store, const LocalState& local, const Config& config) {
    DriverLook look;
    Observation seen;
    seen.gpu_present = !local.facts.gpus.empty();
    seen.anything_installed = !local.generations.empty();
    seen.kernel_release = local.facts.kernel_release;
    if (local.selection.pair) seen.selected = local.selection.pair->path();
    if (local.current) seen.current = local.current->path();
    seen.loaded_version = local.facts.driver_version;
    const auto note = read_told_state(services.root, kStatusFile);
    if (note && note->boot_id == local.facts.boot_id) seen.activation_failure = note->failure;
    seen.passed_over = passed_over(local);
    if (local.manifest) {
        const DriverManifest& manifest = *local.manifest;
        look.exposure =
            services.exposure.inspect(plan_exposure(profile_for(local.facts.os_release.id()), local.facts, manifest,
                                                    store.generation_path(manifest.pair()), config.exposure, {}));
        look.missing_nodes = services.nodes.missing(manifest.device_nodes);
        look.daemons = daemon_plan(services, manifest, local.facts);
    }
    if (local.manifest && seen.gpu_present) {
        seen.wanted_version = local.manifest->driver_version;
        seen.missing_modules = missing_modules(local.facts, *local.manifest);
        seen.exposure_healthy = look.exposure == Exposure::State::healthy;
        seen.missing_nodes = look.missing_nodes;
        if (!look.daemons.problems.empty()) seen.daemon_problem = look.daemons.problems.front();
    }
    look.state = judge(seen);
    return look;
}

DriverState observe(Services& services, const Store& store, const LocalState& local, const Config& config) {
    return look_at_driver(services, store, local, config).state;
}

}  // namespace overdrive
