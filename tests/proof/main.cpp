// overdrive-simulated: the program as it ships, but for the kernel's modules and systemd, which are simulated in files
// below --root. See simulated_kernel.hpp and simulated_units.hpp.

#include <fmt/format.h>

#include <memory>

#include "cli/program_facts.hpp"
#include "cli/run_program.hpp"
#include "cli/system_clock.hpp"
#include "cli/terminal_progress.hpp"
#include "devices/host_device_nodes.hpp"
#include "devices/host_facts_reader.hpp"
#include "devices/proc_device_holders.hpp"
#include "overlay/libmount_exposure.hpp"
#include "process/boost_process_runner.hpp"
#include "registry/curl_transport.hpp"
#include "registry/host_logins.hpp"
#include "registry/make_source.hpp"
#include "registry/registry_places.hpp"
#include "simulated_kernel.hpp"
#include "simulated_units.hpp"
#include "systemd/unit_files.hpp"

namespace overdrive {
namespace {

ExitCode run_simulated(const Dispatch& dispatch, const Root& root, Report& report) {
    ProgramFacts program = read_program_facts(root.path());
    program.lock_patience = dispatch.lock_timeout;
    program.in_container = false;  // the simulated kernel is the one of --root
    BoostProcessRunner processes;
    SimulatedKernel modules{root};
    LibmountExposure exposure{root, processes};
    HostDeviceNodes nodes{root};
    ProcDeviceHolders holders{root};
    SimulatedUnits units{root};
    SystemClock clock;
    TerminalProgress progress{false, true};
    CurlTransport transport{{.insecure_registries = {}, .ca_file = "", .user_agent = "overdrive-simulated"}};
    HostLogins logins{root, processes, {}};
    RegistryAccess registries{root, {transport, logins, clock, {}}, {}};
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
                      .read_facts =
                          [&] {
                              modules.settle_firmware_path();
                              return read_host_facts(root);
                          },
                      .open_source = [&](const std::string& name, const Config& /*config*/,
                                         const std::string& os_id) { return make_source(name, registries, os_id); },
                      .unit_files =
                          [&](const Config& config) {
                              std::vector<HostFile> files;
                              for (UnitFile& file : unit_files(unit_options(root, config)))
                                  files.push_back({std::move(file.path), std::move(file.content)});
                              return files;
                          },
                      .enabled_units = {kEnabledUnits.begin(), kEnabledUnits.end()},
                      .sysusers_program = ""};
    return dispatch.chosen(services, report);
}

}  // namespace
}  // namespace overdrive

int main(int argc, char** argv) { return overdrive::run_program(argc, argv, overdrive::run_simulated); }
