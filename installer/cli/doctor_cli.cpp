#include <memory>

#include "cli/dispatch.hpp"
#include "verbs/doctor.hpp"

namespace overdrive {

void add_doctor_verb(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<DoctorOptions>();
    CLI::App* verb = app.add_subcommand("doctor", "what is wrong with the driver on this host: one cause, one remedy");
    verb->footer(
        "Changes nothing. The sources are asked, for half a minute at most, only when no installed driver fits the\n"
        "running kernel. Exit code 0: nothing is wrong; 8: something was found. docs/troubleshooting.md lists the "
        "codes.");
    CLI::Option* ask = verb->add_flag("--ask-sources", options->ask_sources,
                                      "ask the sources for the wanted driver also when an installed one fits");
    verb->add_flag("--no-network", options->no_network, "do not ask the sources, whatever is missing")->excludes(ask);
    verb->add_flag("--list-codes", options->list_codes,
                   "print what every code means and what to do, as Markdown or JSON");
    CLI::Option* bundle = verb->add_option("--bundle", options->bundle,
                                           "also collect what a maintainer needs, without secrets, into this tar.gz")
                              ->type_name("FILE");
    verb->add_flag("--force", options->force, "replace FILE when it is there already")->needs(bundle);
    choose(*verb, dispatch, options, run_doctor);
}

}  // namespace overdrive
