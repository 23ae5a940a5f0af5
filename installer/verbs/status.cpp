#include "verbs/status.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support/interruption.hpp"
#include "verbs/foreign_units.hpp"
#include "verbs/kept_cdi.hpp"
#include "verbs/local_state.hpp"
#include "verbs/sizes.hpp"
#include "verbs/trust_check.hpp"
#include "verbs/wait.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

/// Everything the screen shows, gathered before anything is printed.
struct Screen {
    LocalState local;
    Config config;
    DriverLook driver;
    std::string os_key;
    std::string exposure;
    /// Each daemon that is to run and its unit's state; nullopt where systemd does not know it.
    std::vector<std::pair<std::string, std::optional<std::string>>> daemons;
    CdiState cdi;                      ///< what containers are told
    std::vector<ForeignUnit> foreign;  ///< units of others that we put aside
    std::vector<std::string> warnings;
};

std::string_view to_string(Exposure::State state) {
    switch (state) {
        case Exposure::State::absent:
            return "absent";
        case Exposure::State::healthy:
            return "healthy";
        case Exposure::State::stale:
            return "stale";
    }
    return "unknown";
}

ordered_json nullable(const std::optional<std::string>& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
}

Screen gather(const StatusOptions& options, Services& services) {
    Screen screen;
    const Store store{services.root};
    screen.config = load_config(services.root, options.overrides, Strictness::boot);
    screen.warnings = screen.config.warnings;
    screen.local = read_local_state(services, store, screen.config, screen.warnings);
    const HostFacts& facts = screen.local.facts;
    const OsProfile& profile = profile_for(facts.os_release.id());
    screen.os_key = os_key(profile, facts.os_release, facts.kernel_release);
    screen.driver = look_at_driver(services, store, screen.local, screen.config);
    screen.exposure = screen.local.manifest
                          ? fmt::format("{} {}", to_string(choose_mode(profile, facts, screen.config.exposure)),
                                        to_string(screen.driver.exposure))
                          : std::string{"absent"};
    screen.cdi = look_at_cdi(services, store, screen.config, screen.local, screen.local.current);
    screen.foreign = present_foreign_units(services.root, screen.local.record.value_or(Record{}));
    const bool reachable = services.units.reachable();
    for (const PlannedDaemon& daemon : screen.driver.daemons.daemons) {
        screen.daemons.emplace_back(daemon.name, reachable ? services.units.active_state(daemon.unit) : std::nullopt);
    }
    return screen;
}

ordered_json modules_json(const Screen& screen) {
    ordered_json modules = ordered_json::array();
    if (!screen.local.manifest) return modules;
    for (const ModuleSpec& module : screen.local.manifest->modules) {
        const LoadedModule* loaded = screen.local.facts.loaded(module.name);
        modules.push_back({{"name", module.name},
                           {"loaded", loaded != nullptr},
                           {"version", loaded != nullptr ? ordered_json(loaded->version) : ordered_json(nullptr)},
                           {"wanted_version", module.version}});
    }
    return modules;
}

/// The selected generation's; nullopt when none is selected or it is not known.
std::optional<Vouching> vouching_of(const Screen& screen) {
    for (const GenerationInfo& generation : screen.local.generations) {
        if (generation.pair == screen.local.selection.pair) return generation.vouching;
    }
    return std::nullopt;
}

ordered_json daemons_json(const Screen& screen) {
    ordered_json daemons = ordered_json::object();
    for (const auto& [name, state] : screen.daemons) daemons[name] = nullable(state);
    return daemons;
}

ordered_json attempts_json(const Record& record) {
    ordered_json attempts = ordered_json::array();
    for (const Attempt& attempt : record.attempts) {
        attempts.push_back({{"generation", attempt.pair.path()},
                            {"boot_id", attempt.boot_id},
                            {"reason", attempt.reason},
                            {"interrupted", attempt.interrupted}});
    }
    return attempts;
}

ordered_json rolled_back_json(const Record& record) {
    if (!record.rolled_back) return nullptr;
    return {{"from", record.rolled_back->from.path()}, {"to", record.rolled_back->to.path()}};
}

ordered_json to_json(const Screen& screen) {
    const Record record = screen.local.record.value_or(Record{});
    const HostFacts& facts = screen.local.facts;
    ordered_json generations = ordered_json::array();
    for (const GenerationInfo& generation : screen.local.generations) generations.push_back(generation.pair.path());
    ordered_json gpus = ordered_json::array();
    for (const GpuFunction& gpu : facts.gpus) {
        gpus.push_back(
            {{"address", gpu.address}, {"device_id", fmt::format("{:04x}", gpu.device_id)}, {"driver", gpu.driver}});
    }
    return {
        {"schema", 1},
        {"state", overdrive::to_string(screen.driver.state.word)},
        {"because", overdrive::to_string(screen.driver.state.because)},
        {"why", screen.driver.state.why},
        {"os", {{"id", facts.os_release.id()}, {"version_id", facts.os_release.version_id()}, {"key", screen.os_key}}},
        {"kernel_release", facts.kernel_release},
        {"architecture", facts.architecture},
        {"gpus", gpus},
        {"wanted_driver", screen.local.wanted ? ordered_json(screen.local.wanted->text) : ordered_json(nullptr)},
        {"selected",
         screen.local.selection.pair ? ordered_json(screen.local.selection.pair->path()) : ordered_json(nullptr)},
        {"current", screen.local.current ? ordered_json(screen.local.current->path()) : ordered_json(nullptr)},
        {"trust", trust_json(vouching_of(screen))},
        {"pending", record.pending ? ordered_json(record.pending->path()) : ordered_json(nullptr)},
        {"rolled_back", rolled_back_json(record)},
        {"attempts", attempts_json(record)},
        {"generations", generations},
        {"loaded_version", nullable(facts.driver_version)},
        {"modules", modules_json(screen)},
        {"exposure", screen.exposure},
        {"firmware_path", facts.firmware_path},
        {"missing_nodes", screen.driver.missing_nodes},
        {"cdi", screen.cdi.to_json()},
        {"daemons", daemons_json(screen)},
        {"daemon_problems", screen.driver.daemons.problems},
        {"foreign_units", foreign_units_json(screen.foreign)},
        {"warnings", screen.warnings}};
}

std::string modules_text(const Screen& screen) {
    if (!screen.local.manifest) return "-";
    std::vector<std::string> parts;
    for (const ModuleSpec& module : screen.local.manifest->modules) {
        const LoadedModule* loaded = screen.local.facts.loaded(module.name);
        if (loaded == nullptr && !module.autoload) continue;
        if (loaded == nullptr) {
            parts.push_back(module.name + " (not loaded)");
        } else if (loaded->version == module.version) {
            parts.push_back(module.name);
        } else {
            parts.push_back(fmt::format("{} ({}, wanted {})", module.name, loaded->version, module.version));
        }
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

std::string generations_text(const Screen& screen) {
    if (screen.local.generations.empty()) return "none";
    std::vector<std::string> parts;
    for (const GenerationInfo& generation : screen.local.generations) {
        parts.push_back(
            fmt::format("{} ({}{})", generation.pair.path(), human_bytes(generation.size_bytes),
                        generation.kernel_release == screen.local.facts.kernel_release ? "" : ", another kernel"));
    }
    return fmt::format("{}", fmt::join(parts, "\n             "));
}

std::string to_text(const Screen& screen) {
    const HostFacts& facts = screen.local.facts;
    std::string text = fmt::format("{}\n\n", screen.driver.state.text());
    const auto row = [&text](std::string_view name, std::string_view value) {
        text += fmt::format("{:<13}{}\n", name, value);
    };
    row("OS", fmt::format("{} (key {})", facts.os_release.pretty_name(), screen.os_key));
    row("kernel", fmt::format("{} {}", facts.kernel_release, facts.architecture));
    row("GPUs", facts.gpus.empty() ? std::string{"none"} : fmt::format("{}", facts.gpus.size()));
    row("wanted", screen.local.wanted ? screen.local.wanted->text : std::string{"any installed driver"});
    row("selected", screen.local.selection.pair ? screen.local.selection.pair->path()
                                                : explain(screen.local.selection, facts.kernel_release));
    row("current", screen.local.current ? screen.local.current->path() : std::string{"-"});
    const auto vouching = vouching_of(screen);
    row("trust", vouching ? to_text(*vouching) : std::string{screen.local.selection.pair ? "not known" : "-"});
    row("installed", generations_text(screen));
    row("loaded", facts.driver_version.value_or("-"));
    row("modules", modules_text(screen));
    row("libraries", screen.exposure);
    row("firmware", facts.firmware_path.empty() ? std::string{"-"} : facts.firmware_path);
    row("nodes", screen.driver.missing_nodes.empty()
                     ? std::string{screen.local.manifest ? "complete" : "-"}
                     : fmt::format("missing: {}", fmt::join(screen.driver.missing_nodes, ", ")));
    row("containers", screen.cdi.text());
    for (const auto& [name, state] : screen.daemons) row(name.substr(name.find('-') + 1), state.value_or("unknown"));
    for (const std::string& problem : screen.driver.daemons.problems) row("daemon", problem);
    for (const ForeignUnit& foreign : screen.foreign) row("not ours", to_text(foreign));
    for (const std::string& warning : screen.warnings) row("warning", warning);
    return text;
}

ExitCode watch(const StatusOptions& options, Services& services, Report& report) {
    std::optional<ordered_json> told;
    while (!is_interrupted()) {
        const Screen screen = gather(options, services);
        ordered_json json = to_json(screen);
        if (told != json) {
            report.update(json, to_text(screen));
            told = std::move(json);
        }
        wait_for_change(services, options.interval);
    }
    return ExitCode::ok;
}

}  // namespace

ExitCode run_status(const StatusOptions& options, Services& services, Report& report) {
    if (options.watch) return watch(options, services, report);
    const Screen screen = gather(options, services);
    report.result(to_json(screen), to_text(screen));
    return ExitCode::ok;
}

}  // namespace overdrive
