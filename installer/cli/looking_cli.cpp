#include <cstdint>
#include <memory>

#include "cli/dispatch.hpp"
#include "verbs/list.hpp"
#include "verbs/list_available.hpp"
#include "verbs/reasons.hpp"
#include "verbs/status.hpp"
#include "verbs/wait.hpp"

namespace overdrive {

namespace {

void add_list(CLI::App& app, Dispatch& dispatch) {
    CLI::App* list = app.add_subcommand("list", "the installed generations; '*' marks the current one");
    list->footer(
        "With --available: what the pair index of each configured source offers for this kernel; '*' marks what the\n"
        "configured driver means there. This asks the sources, and takes an index only from who may vouch for "
        "drivers.");
    const auto available = std::make_shared<bool>(false);
    const auto options = std::make_shared<ListAvailableOptions>();
    list->add_flag("--available", *available, "what the sources offer for this kernel, instead of what is installed");
    list->add_option("--source", options->overrides.sources,
                     "with --available: where to look instead of the configured sources; may be given several times")
        ->allow_extra_args(false);
    list->add_option("--key", options->overrides.keys,
                     "with --available: a public key (PEM) that may vouch, besides the configured ones")
        ->allow_extra_args(false);
    list->callback([&dispatch, available, options] {
        dispatch.verb = "list";
        dispatch.chosen = [available, options](Services& services, Report& report) {
            return *available ? run_list_available(*options, services, report) : run_list({}, services, report);
        };
    });
}

}  // namespace

void add_looking_verbs(CLI::App& app, Dispatch& dispatch) {
    CLI::App* status =
        app.add_subcommand("status", "what is wanted, installed and in force, in one screen and one word");
    status->footer(
        "The first line is one of: ready, no-device, degraded: <why>. Needs no root and changes nothing.\n"
        "With --watch it goes on until it is stopped and tells again what has changed: on a terminal in place, with\n"
        "--json as one document a line.");
    const auto status_options = std::make_shared<StatusOptions>();
    const auto interval = std::make_shared<std::int64_t>(status_options->interval.count());
    status->add_flag("--watch", status_options->watch, "go on, and tell again whenever something changes");
    status
        ->add_option("--interval", *interval,
                     "with --watch: look so often, in seconds, besides whenever overdrive changes something")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    status->callback([&dispatch, status_options, interval] {
        dispatch.verb = "status";
        status_options->interval = std::chrono::seconds{*interval};
        dispatch.chosen = [status_options](Services& services, Report& report) {
            return run_status(*status_options, services, report);
        };
    });

    add_list(app, dispatch);

    const auto wait_options = std::make_shared<WaitOptions>();
    const auto seconds = std::make_shared<std::int64_t>(wait_options->timeout.count());
    CLI::App* wait = app.add_subcommand("wait", "wait, bounded, until the driver is there");
    wait->footer(
        "What the kubelet's drop-in runs: with --for driver it returns at once unless a GPU is present and no "
        "installed\n"
        "driver fits the running kernel. Exit code 8 when the time is up.");
    wait->add_option("--for", wait_options->target, "what to wait for")
        ->check(CLI::IsMember({"driver", "ready"}))
        ->capture_default_str();
    wait->add_option("--timeout", *seconds, "seconds")->check(CLI::Range(0, 86400))->capture_default_str();
    wait->callback([&dispatch, wait_options, seconds] {
        dispatch.verb = "wait";
        wait_options->timeout = std::chrono::seconds{*seconds};
        dispatch.chosen = [wait_options](Services& services, Report& report) {
            return run_wait(*wait_options, services, report);
        };
    });

    CLI::App* reasons =
        app.add_subcommand("reasons", "the table of verbs, reason codes and exit codes, as Markdown or JSON");
    reasons->callback([&dispatch] {
        dispatch.verb = "reasons";
        dispatch.chosen = [](Services& /*services*/, Report& report) { return run_reasons(report); };
    });
}

}  // namespace overdrive
