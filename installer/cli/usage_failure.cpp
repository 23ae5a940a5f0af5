#include "cli/usage_failure.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/terminal_report.hpp"

namespace overdrive {

namespace {

std::string verbs_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* verb : app.get_subcommands({})) names.push_back(verb->get_name());
    return fmt::format("{}", fmt::join(names, ", "));
}

/// CLI11 says that a subcommand is required where the word that should be one is not known.
std::string what_is_wrong(const CLI::App& app, const CLI::ParseError& outcome) {
    if (!app.get_subcommands().empty()) return outcome.what();
    const std::vector<std::string> unknown = app.remaining();
    const auto word =
        std::find_if(unknown.begin(), unknown.end(), [](const auto& text) { return text.front() != '-'; });
    return fmt::format("{}; the verbs are: {}",
                       word == unknown.end() ? std::string{"no verb was given"} : fmt::format("'{}' is no verb", *word),
                       verbs_of(app));
}

}  // namespace

int tell_parse_outcome(const CLI::App& app, const CLI::ParseError& outcome, const std::vector<std::string>& words) {
    if (outcome.get_exit_code() == 0) return app.exit(outcome);
    const auto given = [&](const char* flag) { return std::find(words.begin(), words.end(), flag) != words.end(); };
    const auto chosen = app.get_subcommands();
    const std::string verb = chosen.empty() ? std::string{} : chosen.front()->get_name();
    TerminalReport{given("--json"), true}.failure(
        verb.empty() ? "command line" : verb,
        Error{Errc::usage, what_is_wrong(app, outcome)}.with_remedy(
            fmt::format("'overdrive {}--help' tells what can be said", verb.empty() ? verb : verb + " ")));
    return static_cast<int>(ExitCode::usage);
}

}  // namespace overdrive
