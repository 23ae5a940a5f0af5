// overdrive-simulated: the program as it ships, but for the kernel's modules and systemd, which are simulated in files
// below --root. See simulated_kernel.hpp and simulated_units.hpp.

#include "cli/program_facts.hpp"
#include "cli/run_program.hpp"
#include "cli/system_clock.hpp"
#include "cli/terminal_progress.hpp"
#include "devices/host_facts_reader.hpp"
#include "simulated_kernel.hpp"
#include "simulated_units.hpp"
#include "wiring/host_services.hpp"

namespace overdrive {
namespace {

ExitCode run_simulated(const Dispatch& dispatch, const Root& root, Report& report) {
    ProgramFacts program = read_program_facts(root.path());
    program.lock_patience = dispatch.lock_timeout;
    program.in_container = false;  // the simulated kernel is the one of --root
    SimulatedKernel modules{root};
    SimulatedUnits units{root};
    SystemClock clock;
    TerminalProgress progress{false, true};
    HostServices host{root, std::move(program), modules, units, clock, progress, report};
    host.services().read_facts = [&] {
        modules.settle_firmware_path();
        return read_host_facts(root);
    };
    host.services().sysusers_program.clear();
    return dispatch.chosen(host.services(), report);
}

}  // namespace
}  // namespace overdrive

int main(int argc, char** argv) { return overdrive::run_program(argc, argv, overdrive::run_simulated); }
