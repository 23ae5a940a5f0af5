#include "cli/program_facts.hpp"
#include "cli/run_program.hpp"
#include "cli/system_clock.hpp"
#include "cli/terminal_progress.hpp"
#include "modules/libkmod_loader.hpp"
#include "systemd/sdbus_unit_manager.hpp"
#include "wiring/host_services.hpp"

namespace overdrive {
namespace {

/// Builds the real adapters and runs the chosen verb with them.
ExitCode run_with_adapters(const Dispatch& dispatch, const Root& root, Report& report) {
    ProgramFacts program = read_program_facts(root.path());
    program.lock_patience = dispatch.lock_timeout;
    LibkmodLoader modules{root};
    SdbusUnitManager units{root};
    SystemClock clock;
    TerminalProgress progress{program.interactive, dispatch.quiet || dispatch.relay.has_value()};
    HostServices host{root, std::move(program), modules, units, clock, progress, report};
    return dispatch.chosen(host.services(), report);
}

}  // namespace
}  // namespace overdrive

int main(int argc, char** argv) { return overdrive::run_program(argc, argv, overdrive::run_with_adapters); }
