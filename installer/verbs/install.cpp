#include "verbs/install.hpp"

#include <fmt/format.h>

#include "store/apply_delta.hpp"
#include "store/fetch.hpp"
#include "store/install_root.hpp"
#include "store/verify_generation.hpp"
#include "verbs/boot_jitter.hpp"
#include "verbs/bring_artifact.hpp"
#include "verbs/find_artifact.hpp"
#include "verbs/finish_install.hpp"
#include "verbs/install_from_image.hpp"
#include "verbs/install_program.hpp"
#include "verbs/install_units.hpp"
#include "verbs/local_state.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/preflight.hpp"
#include "verbs/recovery.hpp"
#include "verbs/runtime_files.hpp"
#include "verbs/sizes.hpp"
#include "verbs/space_offer.hpp"
#include "verbs/trust_check.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

bool comes_from_own_image(const InstallOptions& options, const Services& services) {
    return services.program.in_container && !services.program.image_directory.empty() &&
           options.overrides.sources.empty();
}

std::uint64_t driver_bytes(const ResolvedArtifact& artifact) {
    std::uint64_t bytes = 0;
    for (const LayerDescriptor& layer : artifact.layers) {
        if (layer.role != LayerRole::program) bytes += layer.size;
    }
    return bytes;
}

/// What is fetched where user space is made by a delta.
struct DeltaDownload {
    std::uint64_t bytes = 0;
    std::string from_version;
};

std::optional<DeltaDownload> download_by_delta(const Store& store, const FoundArtifact& found) {
    for (const LayerDescriptor& layer : found.artifact.layers) {
        if (layer.role != LayerRole::user_space) continue;
        if (const auto usable = find_usable_delta(found.deltas, layer, store))
            return DeltaDownload{driver_bytes(found.artifact) - layer.size + usable->delta.download_bytes,
                                 usable->delta.from_version};
    }
    return std::nullopt;
}

ExitCode tell_plan(const Store& store, const FoundArtifact& found, bool installed, const std::vector<Finding>& findings,
                   Report& report) {
    const std::string path = found.pair.path();
    const auto by_delta = download_by_delta(store, found);
    std::vector<std::string> steps;
    if (!installed) {
        steps.push_back(fmt::format(
            "fetch {} ({} at most{})", found.artifact.reference, human_bytes(driver_bytes(found.artifact)),
            by_delta
                ? fmt::format("; {} by what changed since {}", human_bytes(by_delta->bytes), by_delta->from_version)
                : ""));
        steps.push_back(
            fmt::format("verify its signature and every byte, unpack to {}", store.generation_path(found.pair)));
    }
    std::string text;
    for (const std::string& step : steps) text += step + "\n";
    text += installed
                ? fmt::format("{} is installed; 'overdrive activate --dry-run' tells what activating it would change\n",
                              path)
                : std::string{"then install the units and activate it\n"};
    text += to_text(findings);
    report.result({{"schema", 1},
                   {"result", "dry-run"},
                   {"generation", path},
                   {"installed", installed},
                   {"reference", found.artifact.reference},
                   {"manifest_digest", found.artifact.manifest_digest.text()},
                   {"bytes", driver_bytes(found.artifact)},
                   {"bytes_by_delta", by_delta ? ordered_json(by_delta->bytes) : ordered_json(nullptr)},
                   {"steps", steps},
                   {"findings", to_json(findings)}},
                  text);
    return ExitCode::ok;
}

/// Whether a generation is not as it was installed, so that it is fetched again and exchanged for what is there. The
/// one in use stays: its files lie below a live overlay. Content is read only when that was asked for: a run that has
/// nothing to do takes milliseconds.
/// @throws Error incomplete_artifact when it is current and not even its driver.json can be read
bool is_to_be_replaced(const InstallOptions& options, Services& services, Store& store, const Pair& pair,
                       Report& report) {
    const std::vector<Difference> differences =
        verify_generation(store, pair, {.percent = options.verify ? 100U : 0U}, services.progress);
    if (differences.empty()) return false;
    const Difference& first = differences.front();
    const std::string damage = fmt::format("'{}' {}", first.path, first.what);
    if (store.read_current() != pair) {
        report.warn(fmt::format("the installed {} is damaged and is fetched again: {}", pair.path(), damage));
        return true;
    }
    const std::string in_use = fmt::format("the installed {} is damaged and in use: {}", pair.path(), damage);
    if (first.kind == Difference::Kind::driver_json) {
        throw Error{Errc::incomplete_artifact, in_use}.with_remedy(
            "install another driver version, reboot, then install this one again");
    }
    report.warn(in_use + "; 'overdrive verify' tells all that differs and what to do");
    return false;
}

/// Warns when the source has another build than the installed one, which stays: the lower directory of a live overlay
/// must never change under it.
void compare_builds(const GenerationInfo& there, const FoundArtifact& found, Report& report) {
    if (!there.manifest_digest || *there.manifest_digest == found.artifact.manifest_digest) return;
    report.warn(fmt::format("{} has another build of {} ({}) than the installed one ({}); the installed one stays",
                            found.source->name(), found.pair.path(), found.artifact.manifest_digest.text(),
                            there.manifest_digest->text()));
}

ExitCode install_from_sources(const InstallOptions& options, Services& services, const Config& config, Report& report) {
    const HostFacts facts = services.read_facts();
    const std::string key = os_key(profile_for(facts.os_release.id()), facts.os_release, facts.kernel_release);
    bool waited = !options.unit;
    const auto spread_hosts = [&](const std::string& source) {
        if (waited || !source.starts_with("docker://")) return;
        waited = true;
        wait_boot_jitter(services, config, report);
    };
    Store store{services.root};
    const IndexTrusting trusting_index{options.overrides, options.allow_older};
    FoundArtifact found = find_artifact(services, store, config, trusting_index, facts, key, report, spread_hosts);
    if (options.dry_run)
        return tell_plan(store, found, store.find_generation(found.pair).has_value(),
                         preflight_host(services, store, facts), report);
    Lock lock = take_lock(services, store, options.verb());
    const Recovery recovery = recover_store(services, store, facts, report);
    if (!options.no_units) require_units_placeable(services, store, config);
    Installed installed{.pair = found.pair,
                        .reference = found.artifact.reference,
                        .claim = claim_of(found),
                        .index = found.index,
                        .record_before = {},
                        .daemons_were_stopped = recovery.daemons_were_stopped()};
    const auto there = store.find_generation(found.pair);
    const bool fetch = !there || is_to_be_replaced(options, services, store, found.pair, report);
    if (!fetch) compare_builds(*there, found, report);
    if (!fetch) installed.vouching = there->vouching;
    if (fetch) require_place_for(store, found.pair);
    FillStaging::Means means;
    Trusting trusting;
    if (fetch) {
        trusting = ask_trust(options.overrides, options.allow_older, services, store, config, found);
        const auto fits = [&](const DriverManifest& manifest) { require_fit(manifest, facts, found.pair.os_key); };
        means.fill = fetching(services, store, trusting, found, fits, installed, report);
        means.look = [&] { require_room_for(found.artifact, store); };
    }
    offering_prune(services, store,
                   [&] { publish_and_record(services, store, config, installed, means, options.verb(), report); });
    const auto bring_program = [&] {
        return installed.fetched &&
               update_program(services, *found.source, found.artifact, store.read_manifest(found.pair), report);
    };
    return finish_install(options, services, store, config, installed, bring_program, std::move(lock), report);
}

/// The command line wins in this run; the next boot goes by what the files say.
void warn_unless_kept(const InstallOptions& options, const Services& services, Report& report) {
    if (!options.overrides.driver || options.staged) return;
    const auto kept = load_config(services.root, {}, Strictness::boot).wish();
    const DriverWish now = DriverWish::parse(*options.overrides.driver);
    const bool same = !kept || (now.is_branch ? kept->text == now.text : kept->allows(DriverId::parse(now.text)));
    if (same) return;
    report.warn(
        fmt::format("the configuration wants driver {}, so the next boot goes back to it; write driver = \"{}\" into "
                    "/etc/overdrive/config.toml to keep this one",
                    kept->text, now.text));
}

ExitCode nothing_to_update(const std::string& why, const LocalState& local, Report& report) {
    report.result(
        {{"schema", 1},
         {"result", "nothing-to-do"},
         {"generation", local.selection.pair ? ordered_json(local.selection.pair->path()) : ordered_json(nullptr)},
         {"why", why}},
        why + ", nothing to do\n");
    return ExitCode::ok;
}

/// The wanted driver is installed, but a run that was to record it and put it in force was cut off: the rest of it,
/// which needs no source.
ExitCode settle_installed(const InstallOptions& options, Services& services, const Config& config,
                          const LocalState& local, Report& report) {
    Installed installed{.pair = *local.selection.pair, .reference = "an earlier run", .record_before = {}};
    if (options.dry_run) {
        report.result({{"schema", 1}, {"result", "dry-run"}, {"generation", installed.pair.path()}},
                      fmt::format("{} is installed; it would be recorded and activated\n", installed.pair.path()));
        return ExitCode::ok;
    }
    Store store{services.root};
    Lock lock = take_lock(services, store, "update");
    installed.daemons_were_stopped = recover_store(services, store, local.facts, report).daemons_were_stopped();
    publish_and_record(services, store, config, installed, {}, "update", report);
    return finish_install(options, services, store, config, installed, {}, std::move(lock), report);
}

}  // namespace

ExitCode run_install(const InstallOptions& options, Services& services, Report& report) {
    if (!options.dry_run) require_root(services, "install");
    Config config = load_config(services.root, options.overrides, Strictness::interactive);
    warn_unless_kept(options, services, report);
    if (!options.dry_run) refuse_foreign_driver(services, Store{services.root}, config);
    if (options.staged) return install_staged(options, services, std::move(config), report);
    if (comes_from_own_image(options, services))
        return install_from_image(options, services, std::move(config), report);
    return install_from_sources(options, services, config, report);
}

ExitCode run_update(const InstallOptions& options, Services& services, Report& report) {
    if (!options.dry_run) require_root(services, "update");
    Config config =
        load_config(services.root, options.overrides, options.unit ? Strictness::boot : Strictness::interactive);
    for (const std::string& warning : config.warnings) report.warn(warning);
    const Store store{services.root};
    std::vector<std::string> warnings;
    const LocalState local = read_local_state(services, store, config, warnings);
    for (const std::string& warning : warnings) report.warn(warning);

    if (options.unit && local.facts.gpus.empty()) return nothing_to_update("there is no GPU", local, report);
    const bool moves = config.wish() && config.wish()->is_branch && !config.hold && !options.unit;
    const bool cut_off = was_cut_off(store);  // by a run before this one: finished first
    const bool settled = !cut_off && local.record && local.record->desired == local.selection.pair &&
                         (options.unit || options.no_activate || services.program.in_container ||
                          (local.current == local.selection.pair && services.root.exists(kStatusFile)));
    if (local.selection.why == Selection::Why::wanted && !moves && !settled)
        return settle_installed(options, services, config, local, report);
    if (local.selection.why == Selection::Why::wanted && !moves) {
        return nothing_to_update(explain(local.selection, local.facts.kernel_release), local, report);
    }
    // Held, or at boot: the same driver for the new kernel, never another one.
    if (!moves && local.wanted) config.driver = local.wanted;
    InstallOptions updating = options;
    updating.update = true;
    return install_from_sources(updating, services, config, report);
}

}  // namespace overdrive
