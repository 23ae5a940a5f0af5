#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>

#include "cli/command_line.hpp"
#include "cli/program_facts.hpp"
#include "cli/report_sink.hpp"
#include "cli/system_clock.hpp"
#include "cli/terminal_progress.hpp"
#include "cli/terminal_report.hpp"
#include "cli/usage_failure.hpp"
#include "devices/host_device_nodes.hpp"
#include "devices/host_facts_reader.hpp"
#include "modules/libkmod_loader.hpp"
#include "overlay/libmount_exposure.hpp"
#include "process/boost_process_runner.hpp"
#include "registry/curl_transport.hpp"
#include "registry/make_source.hpp"
#include "systemd/sdbus_unit_manager.hpp"
#include "systemd/unit_files.hpp"
#include "verbs/relay.hpp"

namespace overdrive {
namespace {

std::vector<HostFile> unit_files_for(const Root& root, const Config& config) {
    std::vector<HostFile> files;
    for (UnitFile& file : unit_files(unit_options(root, config)))
        files.push_back({std::move(file.path), std::move(file.content)});
    return files;
}

/// The certificates that came with the program, for a host that has none; empty in a development build.
std::string bundled_ca_file(const ProgramFacts& program) {
    return program.program_directory.empty() ? std::string{} : program.program_directory + "/share/ca-certificates.crt";
}

CurlSettings curl_settings(const Root& root, const Config& config, const ProgramFacts& program) {
    return {.insecure_registries = config.insecure_registries,
            .ca_file = find_ca_file(root).value_or(bundled_ca_file(program)),
            .user_agent = "overdrive/" + program.version};
}

/// Builds the real adapters and runs the chosen verb with them.
ExitCode run_with_adapters(const Dispatch& dispatch, const Root& root, Report& report) {
    const ProgramFacts program = read_program_facts(root.path());
    BoostProcessRunner processes;
    LibkmodLoader modules{root};
    LibmountExposure exposure{root, processes};
    HostDeviceNodes nodes{root};
    SdbusUnitManager units{root};
    SystemClock clock;
    TerminalProgress progress{program.interactive, dispatch.quiet || dispatch.relay.has_value()};
    std::unique_ptr<HttpTransport> transport;  // made when a registry is really asked
    Services services{.root = root,
                      .program = program,
                      .modules = modules,
                      .exposure = exposure,
                      .nodes = nodes,
                      .processes = processes,
                      .units = units,
                      .clock = clock,
                      .progress = progress,
                      .read_facts = [&root] { return read_host_facts(root); },
                      .open_source =
                          [&](const std::string& name, const Config& config, const std::string& os_id) {
                              if (!transport)
                                  transport = std::make_unique<CurlTransport>(curl_settings(root, config, program));
                              return make_source(name, *transport, config, os_id);
                          },
                      .unit_files = [&root](const Config& config) { return unit_files_for(root, config); },
                      .enabled_units = {kEnabledUnits.begin(), kEnabledUnits.end()},
                      .sysusers_program = std::string{kSysusersProgram}};
    return dispatch.chosen(services, report);
}

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

ExitCode run(const Dispatch& dispatch) {
    TerminalReport terminal{dispatch.json, dispatch.quiet};
    std::unique_ptr<Report> relay;
    try {
        const Root root{choose_root(dispatch.root)};
        if (dispatch.relay) relay = std::make_unique<RelayReport>(root, *dispatch.relay);
        Report& report = relay ? *relay : terminal;
        const LogToReport log{report};
        return run_with_adapters(dispatch, root, report);
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
}  // namespace overdrive

int main(int argc, char** argv) {
    overdrive::Dispatch dispatch;
    const auto app = overdrive::make_command_line(dispatch);
    try {
        app->parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return overdrive::tell_parse_outcome(*app, error, {argv + 1, argv + argc});
    }
    return static_cast<int>(overdrive::run(dispatch));
}
