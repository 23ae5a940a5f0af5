#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <optional>

#include "cli/program_facts.hpp"
#include "cli/run_program.hpp"
#include "cli/system_clock.hpp"
#include "cli/terminal_progress.hpp"
#include "devices/host_device_nodes.hpp"
#include "devices/host_facts_reader.hpp"
#include "devices/proc_device_holders.hpp"
#include "modules/libkmod_loader.hpp"
#include "overlay/libmount_exposure.hpp"
#include "process/boost_process_runner.hpp"
#include "registry/curl_transport.hpp"
#include "registry/host_logins.hpp"
#include "registry/host_seed.hpp"
#include "registry/make_source.hpp"
#include "registry/registry_places.hpp"
#include "systemd/sdbus_unit_manager.hpp"
#include "systemd/unit_files.hpp"

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
            .user_agent = "overdrive/" + program.version,
            .connect_timeout = config.connect_timeout,
            .stall_timeout = config.stall_timeout,
            .proxy = config.proxy,
            .no_proxy = fmt::format("{}", fmt::join(config.no_proxy, ","))};
}

/// What it takes to ask a registry.
struct Registries {
    CurlTransport transport;
    HostLogins logins;
    RegistryAccess access;
    Registries(const Root& root, const Config& config, const ProgramFacts& program, ProcessRunner& processes,
               Clock& clock)
        : transport{curl_settings(root, config, program)},
          logins{root, processes, read_login_environment(root, program.in_container)},
          access{root,
                 {transport, logins, clock, {.budget = config.patience, .seed = host_seed(root)}},
                 {.insecure = config.insecure_registries, .home = logins.environment().home}} {}
};

/// Builds the real adapters and runs the chosen verb with them.
ExitCode run_with_adapters(const Dispatch& dispatch, const Root& root, Report& report) {
    ProgramFacts program = read_program_facts(root.path());
    program.lock_patience = dispatch.lock_timeout;
    BoostProcessRunner processes;
    LibkmodLoader modules{root};
    LibmountExposure exposure{root, processes};
    HostDeviceNodes nodes{root};
    ProcDeviceHolders holders{root};
    SdbusUnitManager units{root};
    SystemClock clock;
    TerminalProgress progress{program.interactive, dispatch.quiet || dispatch.relay.has_value()};
    std::optional<Registries> registries;  // made when a source is really opened
    Services services{.root = root,
                      .program = program,
                      .modules = modules,
                      .exposure = exposure,
                      .nodes = nodes,
                      .holders = holders,
                      .processes = processes,
                      .units = units,
                      .clock = clock,
                      .progress = progress,
                      .read_facts = [&root] { return read_host_facts(root); },
                      .open_source =
                          [&](const std::string& name, const Config& config, const std::string& os_id) {
                              if (!registries) registries.emplace(root, config, program, processes, clock);
                              auto source = make_source(name, registries->access, os_id);
                              for (const std::string& warning : registries->access.take_warnings())
                                  report.warn(warning);
                              return source;
                          },
                      .unit_files = [&root](const Config& config) { return unit_files_for(root, config); },
                      .enabled_units = {kEnabledUnits.begin(), kEnabledUnits.end()},
                      .sysusers_program = std::string{kSysusersProgram}};
    return dispatch.chosen(services, report);
}

}  // namespace
}  // namespace overdrive

int main(int argc, char** argv) { return overdrive::run_program(argc, argv, overdrive::run_with_adapters); }
