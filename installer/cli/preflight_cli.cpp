#include <memory>

#include "cli/dispatch.hpp"
#include "verbs/preflight.hpp"

namespace overdrive {

void add_preflight_verb(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<PreflightOptions>();
    CLI::App* verb =
        app.add_subcommand("preflight", "what would keep the driver from being loaded here, and what to do");
    verb->footer(
        "Looks only: the kernel that the modules are for, symbol versions, signatures against the kernel's keys, "
        "other\n"
        "drivers, firmware, parameters, file systems. An activation does the same by itself. What cannot be known is\n"
        "said to be unknown and blocks nothing; run it as root to know most. Exit code 8 when something blocks;\n"
        "[preflight] ignore = [\"CODE\"] in config.toml lets a code pass.");
    verb->add_option("driver", options->overrides.driver, "an installed driver; without it the one that is wanted")
        ->type_name("DRIVER");
    choose(*verb, dispatch, options, run_preflight);
}

}  // namespace overdrive
