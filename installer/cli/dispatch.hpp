#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

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

/// The verbs that change the host: install, update, activate, deactivate, rollback, recover, uninstall.
void add_changing_verbs(CLI::App& app, Dispatch& dispatch);
/// The verbs that keep what is installed in order: verify, prune, history.
void add_keeping_verbs(CLI::App& app, Dispatch& dispatch);
/// The verbs that only look: status, list, wait, reasons.
void add_looking_verbs(CLI::App& app, Dispatch& dispatch);

}  // namespace overdrive
