#include "cli/run_program.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "cli/command_line.hpp"
#include "cli/program_facts.hpp"
#include "cli/report_sink.hpp"
#include "cli/terminal_report.hpp"
#include "cli/usage_failure.hpp"
#include "support/interruption.hpp"
#include "verbs/relay.hpp"

namespace overdrive {

namespace {

/// While it lives, what is logged goes to the report.
class LogToReport {
public:
    explicit LogToReport(Report& report) {
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("overdrive", std::make_shared<ReportSink>(report)));
    }
    LogToReport(const LogToReport&) = delete;
    LogToReport& operator=(const LogToReport&) = delete;
    ~LogToReport() { spdlog::drop_all(); }
};

ExitCode run(const Dispatch& dispatch, const RunChosen& run_chosen) {
    TerminalReport terminal{dispatch.json, dispatch.quiet};
    std::unique_ptr<Report> relay;
    try {
        const Root root{choose_root(dispatch.root)};
        if (dispatch.relay) relay = std::make_unique<RelayReport>(root, *dispatch.relay);
        Report& report = relay ? *relay : terminal;
        const LogToReport log{report};
        return run_chosen(dispatch, root, report);
    } catch (const Error& error) {
        if (relay) relay->failure(dispatch.verb, error);
        terminal.failure(dispatch.verb, error);
        return exit_code_of(error.code());
    } catch (const std::exception& error) {
        terminal.failure(dispatch.verb, Error{Errc::io, std::string{"unexpected: "} + error.what()});
        return ExitCode::failed;
    }
}

}  // namespace

int run_program(int argc, char** argv, const RunChosen& run_chosen) {
    watch_for_interruption();
    umask(022);  // what we install is read by everyone, whatever we were started with
    Dispatch dispatch;
    const auto app = make_command_line(dispatch);
    try {
        app->parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return tell_parse_outcome(*app, error, {argv + 1, argv + argc});
    }
    return static_cast<int>(run(dispatch, run_chosen));
}

}  // namespace overdrive
