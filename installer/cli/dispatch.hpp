#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"
#include "verbs/telling.hpp"

namespace overdrive {

/// What the command line chose.
struct Dispatch {
    std::optional<std::string> root;        ///< --root
    bool json = false;                      ///< --json
    bool quiet = false;                     ///< --quiet
    std::optional<std::string> relay;       ///< --relay: where a container run reads our progress
    std::chrono::seconds lock_timeout{60};  ///< --lock-timeout
    std::string verb;
    std::function<ExitCode(Services&, Report&)> chosen;
};

/// Lets a verb choose `run`, with the options that its part of the command line fills.
template <typename Options>
void choose(CLI::App& verb, Dispatch& dispatch, std::shared_ptr<Options> options,
            ExitCode (*run)(const Options&, Services&, Report&)) {
    verb.callback([&dispatch, name = verb.get_name(), options = std::move(options), run] {
        dispatch.verb = name;
        dispatch.chosen = [options, run](Services& services, Report& report) {
            return run(*options, services, report);
        };
    });
}

/// The same for a verb that may change something: when it has ended, those who listen are told. @see run_telling
template <typename Options>
void choose_changing(CLI::App& verb, Dispatch& dispatch, std::shared_ptr<Options> options,
                     ExitCode (*run)(const Options&, Services&, Report&)) {
    verb.callback([&dispatch, name = verb.get_name(), options = std::move(options), run] {
        dispatch.verb = name;
        dispatch.chosen = [name, options, run](Services& services, Report& report) {
            const auto body = [&] { return run(*options, services, report); };
            if constexpr (requires { options->dry_run; }) {
                if (options->dry_run) return body();
            }
            if constexpr (requires { options->watch; }) {
                if (options->watch) return body();  // it only starts others, which tell for themselves
            }
            return run_telling(name, services, report, body);
        };
    });
}

/// The verbs that change the host: install, update, activate, deactivate, rollback, recover, uninstall.
void add_changing_verbs(CLI::App& app, Dispatch& dispatch);
/// The verbs that keep what is installed in order: verify, prune, history.
void add_keeping_verbs(CLI::App& app, Dispatch& dispatch);
/// The verb preflight.
void add_preflight_verb(CLI::App& app, Dispatch& dispatch);
/// The verbs around a reboot into another OS release: stage, gate.
void add_reboot_verbs(CLI::App& app, Dispatch& dispatch);
/// doctor
void add_doctor_verb(CLI::App& app, Dispatch& dispatch);
/// The verbs that only look: status, list, wait, reasons.
void add_looking_verbs(CLI::App& app, Dispatch& dispatch);
/// The hidden verb behind shell completion and the manual page. Call it last: it looks at all others.
void add_completion_verb(CLI::App& app, Dispatch& dispatch);

}  // namespace overdrive
