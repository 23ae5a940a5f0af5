#include "verbs/finish_install.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/wish_meaning.hpp"
#include "support/interruption.hpp"
#include "transaction/steps/commit_record.hpp"
#include "transaction/steps/publish_generation.hpp"
#include "transaction/transaction.hpp"
#include "verbs/activation.hpp"
#include "verbs/guard_generation.hpp"
#include "verbs/install_program.hpp"
#include "verbs/install_units.hpp"
#include "verbs/link_program.hpp"
#include "verbs/preflight.hpp"
#include "verbs/sizes.hpp"
#include "verbs/trust_check.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr const char* kDriverUnit = "nvidia.service";
/// Starting it starts what it wants and what does not run: consumers that a driver that failed kept from starting.
constexpr const char* kBootTarget = "multi-user.target";

/// What happened, for the result.
struct Ending {
    bool program_changed = false;
    bool units_changed = false;
    std::optional<Activation> activation;
    bool restart_queued = false;
    std::uint64_t guarded_files = 0;  ///< that the kernel guards since this run
};

bool nothing_happened(const Installed& installed, const Ending& ending) {
    return !installed.fetched && !ending.program_changed && !ending.units_changed && !ending.restart_queued &&
           (!ending.activation || ending.activation->result == Activation::Result::nothing_to_do ||
            (ending.activation->result == Activation::Result::no_device && ending.activation->changed.empty()));
}

std::string nothing_text(const std::string& path, const Ending& ending) {
    if (!ending.activation) return fmt::format("{} is installed already, nothing to do\n", path);
    if (ending.activation->result == Activation::Result::no_device)
        return fmt::format("{} is installed already and there is no GPU, nothing to do\n", path);
    return fmt::format("{} is installed and active already, nothing to do\n", path);
}

std::string text_of(const Installed& installed, const Ending& ending) {
    const std::string path = installed.pair.path();
    if (nothing_happened(installed, ending)) return nothing_text(path, ending);
    std::string text;
    if (installed.fetched) {
        text = fmt::format("{} is installed from {}", path, installed.reference);
        if (installed.bytes_downloaded > 0)
            text += fmt::format(" ({} downloaded)", human_bytes(installed.bytes_downloaded));
        if (!installed.delta_from.empty())
            text += fmt::format(", user space by what changed since {}", installed.delta_from);
        if (installed.reused_user_space) text += ", user space reused from an installed driver";
        text += "\n";
    }
    if (ending.restart_queued) return text + "nvidia.service activates it now\n";
    if (!ending.activation) return text + "it takes effect at the next boot or with 'overdrive activate'\n";
    if (ending.activation->result == Activation::Result::at_reboot)
        return text + fmt::format("{} takes over at the next boot\n", path);
    return text + ending.activation->state.text() + "\n";
}

ordered_json json_of(const Installed& installed, const Ending& ending, ExitCode code) {
    const bool has_state = ending.activation.has_value();
    return {{"schema", 1},
            {"result", nothing_happened(installed, ending) ? "nothing-to-do"
                       : code == ExitCode::at_reboot       ? "at-reboot"
                                                           : "installed"},
            {"generation", installed.pair.path()},
            {"fetched", installed.fetched},
            {"reference", installed.reference},
            {"bytes_downloaded", installed.bytes_downloaded},
            {"reused_user_space", installed.reused_user_space},
            {"rehashed_bytes", installed.rehashed_bytes},
            {"vouched_bytes", installed.vouched_bytes},
            {"guarded_files", ending.guarded_files},
            {"delta_from", installed.delta_from.empty() ? ordered_json(nullptr) : ordered_json(installed.delta_from)},
            {"trust", trust_json(installed.vouching)},
            {"program_changed", ending.program_changed},
            {"units_changed", ending.units_changed},
            {"changed", has_state ? ordered_json(ending.activation->changed) : ordered_json::array()},
            {"state", has_state ? ordered_json(to_string(ending.activation->state.word)) : ordered_json(nullptr)},
            {"why", has_state ? ordered_json(ending.activation->state.why) : ordered_json(nullptr)},
            {"findings", has_state ? to_json(ending.activation->findings) : ordered_json::array()},
            {"times", has_state ? ending.activation->times : ordered_json::array()}};
}

Activation activate(const InstallOptions& options, Services& services, Store& store, const Config& config,
                    const Installed& installed, Report& report) {
    std::vector<std::string> warnings;
    LocalState local = read_local_state(services, store, config, warnings);
    for (const std::string& warning : warnings) report.warn(warning);
    select(local, store, installed.pair);
    return activate_selected(
        services, store, config, std::move(local),
        {.verb = options.verb(), .daemons_were_stopped = installed.daemons_were_stopped, .busy = options.busy}, report);
}

/// Does what may as well be done by the next run, or warns that a signal kept it from being done.
void unless_stopped(Report& report, const std::function<void()>& body) {
    try {
        stop_if_interrupted();
        body();
    } catch (const Error& error) {
        if (error.code() != Errc::interrupted) throw;
        report.warn(fmt::format("{}; the driver is installed, what is left is done by the next run", error.what()));
    }
}

/// What notices an OS update works from now on, not only from the next boot.
void start_noticing(Services& services) {
    for (const std::string& unit : services.enabled_units) {
        if (unit.starts_with("nvidia-stage") && services.units.active_state(unit) != "active")
            services.units.queue_start(unit);
    }
}

void start_units(const InstallOptions& options, Services& services, const Config& config, const Ending& ending,
                 Report& report) {
    if (options.no_units || !services.units.reachable()) return;
    start_noticing(services);
    if (ending.restart_queued) {
        services.units.queue_restart(kDriverUnit);
        if (config.strict) services.units.queue_start(kBootTarget);
    } else if (ending.activation && services.units.active_state(kDriverUnit) != "active") {
        report.note("starting nvidia.service");
        services.units.start(kDriverUnit, std::chrono::seconds{120});
    }
}

}  // namespace

void require_fit(const DriverManifest& manifest, const HostFacts& facts, const std::string& os_key) {
    const auto refuse = [](std::string_view what, std::string_view artifact, std::string_view host) {
        throw Error{Errc::incomplete_artifact,
                    fmt::format("the artifact is for {} {}, this host has {}", what, artifact, host)};
    };
    if (manifest.architecture != facts.architecture) refuse("architecture", manifest.architecture, facts.architecture);
    if (manifest.kernel_release != facts.kernel_release)
        refuse("kernel", manifest.kernel_release, facts.kernel_release);
    if (manifest.os_key != os_key) refuse("OS key", manifest.os_key, os_key);
    if (manifest.build_id && facts.kernel_build_id && manifest.build_id != facts.kernel_build_id) {
        refuse("kernel build", *manifest.build_id, *facts.kernel_build_id);
    }
}

std::function<void(Record&)> installed_record(Services& services, const Config& config, const Installed& installed,
                                              std::string_view verb) {
    return [&services, &installed, wish = config.wish(), verb = std::string{verb}](Record& record) {
        const Pair& pair = installed.pair;
        const bool changed = record.desired != pair || installed.fetched;
        // What the program before this one can read, which knows no channels and no '550-proprietary'.
        const bool is_newer = wish && (is_channel(*wish) || wish->text.ends_with("-proprietary"));
        record.wanted = wish && !is_newer ? wish->text : pair.driver.text();
        record.desired = pair;
        if (record.pending && record.pending != pair) record.pending.reset();
        if (record.rolled_back && record.rolled_back->to.driver != pair.driver) record.rolled_back.reset();
        if (installed.fetched && installed.vouching) remember_serial(record, *installed.vouching, installed.claim);
        if (installed.index) remember_serial(record, installed.index->vouching, installed.index->claim);
        if (!changed) return;
        std::string detail = installed.reference;
        if (installed.fetched && installed.vouching) detail += ", " + to_text(*installed.vouching);
        record.add_event({services.clock.wall(), verb, pair, installed.fetched ? "installed" : "selected", detail});
    };
}

void publish_and_record(Services& services, Store& store, const Config& config, Installed& installed,
                        FillStaging::Means means, std::string_view verb, Report& report) {
    publish_and_record(services, store, installed, std::move(means), verb,
                       installed_record(services, config, installed, verb), report);
}

void publish_and_record(Services& services, Store& store, Installed& installed, FillStaging::Means means,
                        std::string_view verb, const std::function<void(Record&)>& change, Report& report) {
    installed.record_before = store.load_usable_record();
    if (!means.fill && installed.record_before) {
        Record record = *installed.record_before;
        change(record);
        if (record == installed.record_before) return;
    }
    std::vector<std::unique_ptr<Step>> steps;
    if (means.fill) {
        means.fill = [&installed, fill = std::move(means.fill)](const Staging& staging) {
            GenerationInfo generation = fill(staging);
            installed.fetched = true;
            generation.vouching = installed.vouching;
            return generation;
        };
        auto filling =
            std::make_unique<FillStaging>(store, fmt::format("bring {}", installed.pair.path()), std::move(means));
        auto publishing = std::make_unique<PublishGeneration>(store, *filling, installed.pair);
        steps.push_back(std::move(filling));
        steps.push_back(std::move(publishing));
    }
    steps.push_back(std::make_unique<CommitRecord>(store, change));
    Journal journal{store.root(), store.journal_path()};
    LocalState local;
    local.facts = services.read_facts();
    Transaction{std::move(steps)}
        .run(journal, make_journal_header(services, local, verb, installed.pair),
             [&](const Step& step) { report.note(step.name()); })
        .throw_if_failed();
}

ExitCode finish_install(const InstallOptions& options, Services& services, Store& store, const Config& config,
                        const Installed& installed, const std::function<bool()>& bring_program, Lock lock,
                        Report& report) {
    Ending ending;
    if (copy_own_program(services, report))
        ending.program_changed = adopt_program(services, services.program.version, report);
    if (!options.no_units) ending.units_changed = install_units(services, store, config, report);
    if (link_program(services, store, report)) ending.program_changed = true;
    const bool here = !services.program.in_container;
    if (options.unit) {
        ending.restart_queued = installed.fetched;
    } else if (here && !options.no_activate) {
        try {
            ending.activation = activate(options, services, store, config, installed, report);
        } catch (const Error& error) {
            if (speaks_against_driver(error) || is_not_now(error)) want_again(store, installed.record_before);
            throw;
        }
        if (ending.activation->failure) want_again(store, installed.record_before);
    }
    // The driver is in force: a signal that comes now ends the rest early, and takes nothing back.
    unless_stopped(report, [&] {
        if (bring_program) ending.program_changed = bring_program() || ending.program_changed;
    });
    // What systemd starts takes the lock itself.
    { const Lock given_up = std::move(lock); }
    unless_stopped(report, [&] { start_units(options, services, config, ending, report); });
    if (ending.activation) throw_if_returned(*ending.activation);
    // Last: it takes as long as hashing all of it, and nobody waits for it.
    ending.guarded_files = guard_generation(services, store, installed.pair, report).files;
    const bool at_reboot = (ending.activation && ending.activation->result == Activation::Result::at_reboot) ||
                           (!ending.activation && !ending.restart_queued && installed.fetched);
    const ExitCode code = at_reboot ? ExitCode::at_reboot : ExitCode::ok;
    report.result(json_of(installed, ending, code), text_of(installed, ending));
    return code;
}

}  // namespace overdrive
