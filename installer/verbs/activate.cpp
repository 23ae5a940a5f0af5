#include "verbs/activate.hpp"
#include "verbs/activation_plan.hpp"
#include "verbs/tell_state.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "verbs/activation.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/preflight.hpp"
#include "verbs/recovery.hpp"
#include "verbs/repair.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

ordered_json activation_json(std::string_view result, const Activation& activation) {
    return {{"schema", 1},
            {"result", result},
            {"generation", activation.pair ? ordered_json(activation.pair->path()) : ordered_json(nullptr)},
            {"changed", activation.changed},
            {"state", to_string(activation.state.word)},
            {"because", to_string(activation.state.because)},
            {"why", activation.state.why},
            {"findings", to_json(activation.findings)},
            {"times", activation.times}};
}

/// Whether the node may go on without a driver: at boot, except in strict mode, where consumers must not start then.
bool is_tolerated(const ActivateOptions& options, const Config& config) { return options.boot && !config.strict; }

/// Nothing that is installed fits: a degraded node, which at boot is an answer and otherwise a failure.
ExitCode nothing_fits(const ActivateOptions& options, Services& services, const Store& store, const LocalState& local,
                      const Config& config, Report& report) {
    const DriverState state = observe(services, store, local, config);
    if (!options.dry_run) write_runtime_state(services, config, local, state, std::nullopt);
    const bool no_device = state.word == StateWord::no_device;
    if (!no_device && !is_tolerated(options, config)) {
        throw Error{Errc::no_artifact, explain(local.selection, local.facts.kernel_release)}.with_remedy(
            "'overdrive install' fetches the driver for this kernel, 'overdrive list' shows what is installed");
    }
    report.result(activation_json(to_string(state.word), {.changed = {}, .state = state, .pair = {}, .failure = {}}),
                  state.text() + "\n");
    return ExitCode::ok;
}

ExitCode tell_steps(Services& services, const Store& store, const LocalState& local, const Config& config,
                    Report& report) {
    const auto findings = preflight(services, store, local, config, *local.manifest, Occasion::by_hand);
    const bool blocked =
        std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) { return blocks(finding, config); });
    // With names that collide there is no plan to describe; the finding says so.
    const auto steps =
        blocked ? std::vector<std::string>{} : describe_activation(services, store, local, config, *local.manifest);
    std::string text = steps.empty() ? std::string{"nothing to do\n"} : fmt::format("{}\n", fmt::join(steps, "\n"));
    if (blocked) text = "nothing would be done:\n";
    text += to_text(findings);
    report.result({{"schema", 1},
                   {"result", "dry-run"},
                   {"generation", local.selection.pair->path()},
                   {"steps", steps},
                   {"blocked", blocked},
                   {"findings", to_json(findings)}},
                  text);
    return ExitCode::ok;
}

ExitCode tell(const Activation& activation, Report& report) {
    const std::string path = activation.pair->path();
    switch (activation.result) {
        case Activation::Result::nothing_to_do:
            report.result(activation_json("nothing-to-do", activation),
                          fmt::format("{} is active already, nothing to do\n", path));
            return ExitCode::ok;
        case Activation::Result::changed:
            report.result(activation_json("changed", activation),
                          fmt::format("{} is active: {}\n", path, activation.state.text()));
            return ExitCode::ok;
        case Activation::Result::no_device:
            report.result(activation_json("no-device", activation),
                          fmt::format("{} is current; there is no GPU, so nothing is loaded\n", path));
            return ExitCode::ok;
        case Activation::Result::at_reboot:
            report.result(activation_json("at-reboot", activation),
                          fmt::format("{} takes over at the next boot\n", path));
            return ExitCode::at_reboot;
        case Activation::Result::returned:
            report.result(activation_json("returned", activation),
                          fmt::format("{} is active: {}\n", path, activation.state.text()));
            return exit_code_of(activation.failure->code());
    }
    return ExitCode::failed;
}

}  // namespace

ExitCode run_activate(const ActivateOptions& options, Services& services, Report& report) {
    if (options.repair) return run_repair(services, report);
    if (!options.dry_run) require_root(services, "activate");
    require_host_kernel(services, "activate");
    const Config config =
        load_config(services.root, options.overrides, options.boot ? Strictness::boot : Strictness::interactive);
    for (const std::string& warning : config.warnings) report.warn(warning);
    Store store{services.root};
    std::optional<Lock> lock;
    Recovery recovery;
    Known known;
    if (!options.dry_run) {
        lock.emplace(take_lock_if_writable(services, store, "activate"));
        known.facts = services.read_facts();
        recovery = options.boot ? recover_store_if_possible(services, store, *known.facts, report)
                                : recover_store(services, store, *known.facts, report);
        known.record = std::move(recovery.record);
    }
    std::vector<std::string> warnings;
    LocalState local = read_local_state(services, store, config, warnings, std::move(known));
    for (const std::string& warning : warnings) report.warn(warning);
    // An operator who names it, or has nothing else, tries it even when it failed in this boot.
    if (local.selection.passed_over && !options.boot && (options.overrides.driver || !local.selection.pair))
        select(local, store, *local.selection.passed_over);
    if (!local.selection.pair) return nothing_fits(options, services, store, local, config, report);
    report.note(explain(local.selection, local.facts.kernel_release));
    if (options.dry_run) return tell_steps(services, store, local, config, report);
    try {
        const Activation activation = activate_selected(services, store, config, std::move(local),
                                                        {.verb = "activate",
                                                         .inside_unit = options.boot,
                                                         .daemons_were_stopped = recovery.daemons_were_stopped(),
                                                         .busy = options.busy},
                                                        report);
        // At boot a driver that takes over at the next one, or that another one stands in for, is no failure of the
        // unit.
        if (!options.boot) throw_if_returned(activation);
        const ExitCode code = tell(activation, report);
        return options.boot ? ExitCode::ok : code;
    } catch (const Error& error) {
        if (!is_tolerated(options, config) || error.code() == Errc::not_restored || error.code() == Errc::interrupted)
            throw;
        // A failed GPU is a degraded node; neither fails the boot. The reason is in status.json and here.
        const DriverState state{StateWord::degraded, DegradedBecause::activation_failed, error.what()};
        report.result(activation_json("failed", {.changed = {}, .state = state, .pair = {}, .failure = {}}),
                      state.text() + "\n");
        return ExitCode::ok;
    }
}

}  // namespace overdrive
