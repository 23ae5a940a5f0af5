#include "verbs/stage.hpp"

#include <fmt/format.h>

#include "store/fetch.hpp"
#include "store/install_root.hpp"
#include "store/verify_generation.hpp"
#include "support/interruption.hpp"
#include "support/visible_text.hpp"
#include "verbs/boot_jitter.hpp"
#include "verbs/bring_artifact.hpp"
#include "verbs/guard_generation.hpp"
#include "verbs/pending_driver.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/recovery.hpp"
#include "verbs/sizes.hpp"
#include "verbs/space_offer.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr const char* kStageUnit = "nvidia-stage.service";
constexpr const char* kGateUnit = "nvidia-gate.service";
constexpr std::chrono::minutes kLookAgain{15};
/// A second update may become pending while the first is being staged.
constexpr int kMostRounds = 5;
/// Between two looks that must agree. A package manager changes /boot in several steps.
constexpr std::chrono::seconds kSettle{10};

/// What a staging came to.
struct Outcome {
    std::string_view result;  ///< `staged`, `nothing-to-do`, `dry-run`
    std::string why;
    std::optional<PendingOs> pending{};
    std::optional<Pair> pair{};
    std::optional<Installed> installed{};  ///< what was fetched
    std::uint64_t guarded_files = 0;       ///< that the kernel guards since this run
};

ExitCode tell(const Outcome& outcome, Report& report) {
    const bool fetched = outcome.installed && outcome.installed->fetched;
    report.result({{"schema", 1},
                   {"result", outcome.result},
                   {"why", outcome.why},
                   {"pending_os", pending_json(outcome.pending)},
                   {"generation", outcome.pair ? ordered_json(outcome.pair->path()) : ordered_json(nullptr)},
                   {"fetched", fetched},
                   {"reference", fetched ? ordered_json(outcome.installed->reference) : ordered_json(nullptr)},
                   {"bytes_downloaded", fetched ? outcome.installed->bytes_downloaded : 0},
                   {"reused_user_space", fetched && outcome.installed->reused_user_space},
                   {"rehashed_bytes", fetched ? outcome.installed->rehashed_bytes : 0},
                   {"vouched_bytes", fetched ? outcome.installed->vouched_bytes : 0},
                   {"guarded_files", outcome.guarded_files},
                   {"trust", outcome.installed ? trust_json(outcome.installed->vouching) : ordered_json(nullptr)}},
                  outcome.why + "\n");
    return ExitCode::ok;
}

Outcome nothing(std::string why, std::optional<PendingOs> pending = {}, std::optional<Pair> pair = {}) {
    return {.result = "nothing-to-do", .why = std::move(why), .pending = std::move(pending), .pair = std::move(pair)};
}

std::optional<PendingOs> asked_for(const StageOptions& options, const Services& services) {
    if (options.os) {
        if (!is_path_safe(*options.os))
            throw Error{Errc::usage, fmt::format("'{}' cannot be an OS key", visible_text(*options.os))};
        return PendingOs{.source = "command line",
                         .version = *options.os,
                         .os_release = {},
                         .kernel_release = options.kernel,
                         .os_key = *options.os};
    }
    return services.find_pending_os ? services.find_pending_os() : std::nullopt;
}

void require_key(const PendingOs& pending) {
    if (!pending.os_key.empty()) return;
    throw Error{Errc::bad_os_release,
                fmt::format("{} is pending, and what its driver is named by cannot be told yet", to_text(pending))}
        .with_remedy("name it: 'overdrive stage --os KEY', with the key as 'overdrive status' shows it on such a host");
}

/// The configuration with the driver that is wanted now: the same for another OS release.
Config same_driver(const Config& config, const StageOptions& options, const LocalState& local) {
    Config same = config;
    if (!options.overrides.driver && local.wanted) same.driver = local.wanted;
    return same;
}

bool may_move(const Config& config, const StageOptions& options) {
    return !options.overrides.driver && !config.hold && config.wish() && config.wish()->is_branch;
}

FoundArtifact find(const StageOptions& options, Services& services, const Store& store, const Config& config,
                   const LocalState& local, const PendingOs& pending, Report& report) {
    const IndexTrusting trusting{options.overrides, options.allow_older};
    const HostFacts then = facts_after_boot(local.facts, pending);
    bool waited = !options.unit;
    const auto spread_hosts = [&](const std::string& source) {
        if (waited || !source.starts_with("docker://")) return;
        waited = true;
        wait_boot_jitter(services, config, report);
    };
    const Config same = same_driver(config, options, local);
    try {
        return find_artifact(services, store, same, trusting, then, pending.os_key, report, spread_hosts);
    } catch (const Error& error) {
        if (error.code() != Errc::no_artifact || !may_move(config, options) || same.wish()->is_branch) throw;
        report.warn(fmt::format("{}; the newest of '{}' is looked for", error.what(), config.wish()->text));
    }
    return find_artifact(services, store, config, trusting, then, pending.os_key, report);
}

/// Refuses an artifact that is not for the pending OS, as far as that is known.
void require_fit_later(const DriverManifest& manifest, const HostFacts& facts, const PendingOs& pending) {
    const auto refuse = [&](std::string_view what, std::string_view artifact, std::string_view wanted) {
        throw Error{Errc::incomplete_artifact,
                    fmt::format("the artifact is for {} {}, {} has {}", what, artifact, to_text(pending), wanted)};
    };
    if (manifest.architecture != facts.architecture) refuse("architecture", manifest.architecture, facts.architecture);
    if (manifest.os_key != pending.os_key) refuse("OS key", manifest.os_key, pending.os_key);
    if (pending.kernel_release && manifest.kernel_release != *pending.kernel_release)
        refuse("kernel", manifest.kernel_release, *pending.kernel_release);
}

std::function<void(Record&)> staged_record(Services& services, const Installed& installed, const PendingOs& pending) {
    return [&services, &installed, staged = Staged{.pair = installed.pair, .os = to_text(pending)}](Record& record) {
        if (installed.fetched && installed.vouching) remember_serial(record, *installed.vouching, installed.claim);
        if (installed.index) remember_serial(record, installed.index->vouching, installed.index->claim);
        if (!installed.fetched && record.staged == staged) return;
        record.staged = staged;
        record.add_event({services.clock.wall(), "stage", installed.pair, "staged",
                          fmt::format("for {}, {}", staged.os, installed.reference)});
    };
}

bool is_whole(Services& services, const Store& store, const Pair& pair) {
    return verify_generation(store, pair, {.percent = 0U}, services.progress).empty();
}

/// Notes a pair that is installed already.
Outcome note_installed(const StageOptions& options, Services& services, Store& store, const LocalState& local,
                       const PendingOs& pending, const Pair& pair, Report& report) {
    Outcome outcome =
        nothing(fmt::format("{} is installed for {}, nothing to do", pair.path(), to_text(pending)), pending, pair);
    const bool noted = local.record && local.record->staged == Staged{.pair = pair, .os = to_text(pending)};
    if (options.dry_run || noted) return outcome;
    const Lock lock = take_lock(services, store, "stage");
    recover_store(services, store, local.facts, report);
    Installed installed{.pair = pair, .reference = "installed already", .record_before = {}};
    publish_and_record(services, store, installed, {}, "stage", staged_record(services, installed, pending), report);
    return outcome;
}

Outcome fetch(const StageOptions& options, Services& services, Store& store, const Config& config,
              const LocalState& local, const PendingOs& pending, FoundArtifact& found, Report& report) {
    const Lock lock = take_lock(services, store, "stage");
    recover_store(services, store, local.facts, report);
    require_place_for(store, found.pair);
    Installed installed{.pair = found.pair,
                        .reference = found.artifact.reference,
                        .claim = claim_of(found),
                        .index = found.index,
                        .record_before = {}};
    const Trusting trusting = ask_trust(options.overrides, options.allow_older, services, store, config, found);
    const auto fits = [&](const DriverManifest& manifest) { require_fit_later(manifest, local.facts, pending); };
    FillStaging::Means means{.fill = fetching(services, store, trusting, found, fits, installed, report),
                             .look = [&] { require_room_for(found.artifact, store); },
                             .adopted = {}};
    offering_prune(services, store, [&] {
        publish_and_record(services, store, installed, std::move(means), "stage",
                           staged_record(services, installed, pending), report);
    });
    const std::string why = fmt::format(
        "{} is staged for {} from {} ({} downloaded{})", found.pair.path(), to_text(pending), found.artifact.reference,
        human_bytes(installed.bytes_downloaded),
        installed.reused_user_space    ? ", user space reused"
        : installed.delta_from.empty() ? ""
                                       : fmt::format(", user space by what changed since {}", installed.delta_from));
    return {.result = "staged", .why = why, .pending = pending, .pair = found.pair, .installed = installed};
}

Outcome stage(const StageOptions& options, Services& services, const Config& config, const PendingOs& pending,
              Report& report) {
    require_key(pending);
    Store store{services.root};
    std::vector<std::string> warnings;
    const LocalState local = read_local_state(services, store, config, warnings);
    for (const std::string& warning : warnings) report.warn(warning);
    const auto wish = same_driver(config, options, local).wish();
    const auto there = driver_after_boot(store, config, local, pending);
    const bool is_wanted = there && (!wish || wish->allows(there->driver));
    if (is_wanted && is_whole(services, store, *there))
        return note_installed(options, services, store, local, pending, *there, report);
    // The reboot may come at any moment now.
    if (options.unit && config.gate_hold && services.units.reachable()) services.units.queue_start(kGateUnit);
    FoundArtifact found = find(options, services, store, config, local, pending, report);
    if (options.dry_run) {
        return {.result = "dry-run",
                .why = fmt::format("would fetch {} for {}", found.artifact.reference, to_text(pending)),
                .pending = pending,
                .pair = found.pair};
    }
    if (store.find_generation(found.pair) && is_whole(services, store, found.pair))
        return note_installed(options, services, store, local, pending, found.pair, report);
    Outcome outcome = fetch(options, services, store, config, local, pending, found, report);
    outcome.guarded_files = guard_generation(services, store, found.pair, report).files;
    return outcome;
}

/// The same, and the failure is kept for `gate` to tell.
Outcome stage_and_tell(const StageOptions& options, Services& services, const Config& config, const PendingOs& pending,
                       Report& report) {
    if (options.dry_run) return stage(options, services, config, pending, report);
    try {
        Outcome outcome = stage(options, services, config, pending, report);
        tell_staging_failure(services.root, std::nullopt);
        return outcome;
    } catch (const Error& error) {
        tell_staging_failure(services.root,
                             StagingFailure{pending.os_key, std::string{reason_code(error.code())}, error.what()});
        throw;
    }
}

void settle(Services& services) {
    constexpr std::chrono::milliseconds kSlice{200};
    for (std::chrono::milliseconds left = kSettle; left.count() > 0 && !is_interrupted(); left -= kSlice)
        services.clock.sleep(kSlice);
}

/// Stages what is pending until two looks agree: systemd's path unit does not see what changes while its service runs.
Outcome stage_until_settled(const StageOptions& options, Services& services, const Config& config, Report& report) {
    std::optional<Outcome> last;
    for (int round = 0; round < kMostRounds; ++round) {
        const auto pending = asked_for(options, services);
        const auto key = [](const std::optional<PendingOs>& os) {
            return os ? std::optional{os->os_key} : std::nullopt;
        };
        if (last && key(last->pending) == key(pending)) break;
        last = pending ? stage_and_tell(options, services, config, *pending, report)
                       : nothing("no other OS release is pending, nothing to do");
        if (options.settle) settle(services);
        if (!options.unit || is_interrupted()) break;
    }
    return *last;
}

/// Starts nvidia-stage.service for every OS release that becomes pending, until a signal asks to stop.
ExitCode watch(Services& services, Report& report) {
    require_root(services, "stage");
    std::optional<std::string> last;
    if (services.await_os_signal) services.await_os_signal(std::chrono::milliseconds{0});  // listens from here on
    while (!is_interrupted()) {
        const auto pending = services.find_pending_os ? services.find_pending_os() : std::nullopt;
        const auto now = pending ? std::optional{to_text(*pending)} : std::nullopt;
        if (now && now != last) {
            report.note(fmt::format("{} is pending: starting {}", *now, kStageUnit));
            services.units.queue_start(kStageUnit);
        }
        last = now;
        if (services.await_os_signal) {
            services.await_os_signal(kLookAgain);
        } else {
            services.clock.sleep(kLookAgain);
        }
    }
    return tell(nothing("stopped"), report);
}

}  // namespace

ExitCode run_stage(const StageOptions& options, Services& services, Report& report) {
    if (options.watch) return watch(services, report);
    if (!options.dry_run) require_root(services, "stage");
    const Config config =
        load_config(services.root, options.overrides, options.unit ? Strictness::boot : Strictness::interactive);
    for (const std::string& warning : config.warnings) report.warn(warning);
    if (options.unit && !config.stage_auto) return tell(nothing("[stage] auto = false, nothing to do"), report);
    if (options.unit && services.read_facts().gpus.empty())
        return tell(nothing("there is no GPU, nothing to do"), report);
    // Nothing could bring it, and no hold would help.
    if (options.unit && config.sources.empty()) return tell(nothing("no source is configured, nothing to do"), report);
    return tell(stage_until_settled(options, services, config, report), report);
}

}  // namespace overdrive
