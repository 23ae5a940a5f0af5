#include "verbs/finish_install.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "verbs/activation.hpp"
#include "verbs/install_program.hpp"
#include "verbs/install_units.hpp"
#include "verbs/sizes.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr const char* kDriverUnit = "nvidia.service";

/// What happened, for the result.
struct Ending {
    bool program_changed = false;
    bool units_changed = false;
    std::optional<Activation> activation;
    bool restart_queued = false;
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
            {"signed_by", installed.signed_by ? ordered_json(*installed.signed_by) : ordered_json(nullptr)},
            {"program_changed", ending.program_changed},
            {"units_changed", ending.units_changed},
            {"changed", has_state ? ordered_json(ending.activation->changed) : ordered_json::array()},
            {"state", has_state ? ordered_json(to_string(ending.activation->state.word)) : ordered_json(nullptr)},
            {"why", has_state ? ordered_json(ending.activation->state.why) : ordered_json(nullptr)}};
}

Activation activate(Services& services, Store& store, const Config& config, const Pair& pair, Report& report) {
    std::vector<std::string> warnings;
    LocalState local = read_local_state(services, store, config, warnings);
    for (const std::string& warning : warnings) report.warn(warning);
    local.selection = {Selection::Why::wanted, pair};
    return activate_selected(services, store, config, std::move(local), report);
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

void record_installed(Store& store, const Config& config, const Pair& pair) {
    Record record;
    try {
        record = store.load_record().value_or(Record{});
    } catch (const Error& error) {
        if (error.code() != Errc::bad_record || store.record_is_newer()) throw;
        // A damaged record is rebuilt; the generations carry their own commit records.
    }
    const Record before = record;
    const auto wish = config.wish();
    record.wanted = wish ? wish->text : pair.driver.text();
    record.desired = pair;
    record.pending.reset();
    if (record != before) store.save_record(record);
}

ExitCode finish_install(const InstallOptions& options, Services& services, Store& store, const Config& config,
                        const Installed& installed, const std::function<bool()>& bring_program, Lock lock,
                        Report& report) {
    Ending ending;
    if (copy_own_program(services, report))
        ending.program_changed = adopt_program(services, services.program.version, report);
    if (!options.no_units) {
        Record record = store.load_record().value_or(Record{});
        const Record before = record;
        ending.units_changed = install_units(services, config, record, report);
        if (record != before) store.save_record(record);
    }
    const bool here = !services.program.in_container;
    if (options.unit) {
        ending.restart_queued = installed.fetched;
    } else if (here && !options.no_activate) {
        ending.activation = activate(services, store, config, installed.pair, report);
    }
    if (bring_program) ending.program_changed = bring_program() || ending.program_changed;
    // What systemd starts takes the lock itself.
    { const Lock given_up = std::move(lock); }
    if (!options.no_units && services.units.reachable()) {
        if (ending.restart_queued) {
            services.units.queue_restart(kDriverUnit);
        } else if (ending.activation && services.units.active_state(kDriverUnit) != "active") {
            report.note("starting nvidia.service");
            services.units.start(kDriverUnit, std::chrono::seconds{120});
        }
    }
    const bool at_reboot = (ending.activation && ending.activation->result == Activation::Result::at_reboot) ||
                           (!ending.activation && !ending.restart_queued && installed.fetched);
    const ExitCode code = at_reboot ? ExitCode::at_reboot : ExitCode::ok;
    report.result(json_of(installed, ending, code), text_of(installed, ending));
    return code;
}

}  // namespace overdrive
