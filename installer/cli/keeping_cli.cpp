#include <cstdint>
#include <limits>
#include <memory>

#include "cli/dispatch.hpp"
#include "verbs/history.hpp"
#include "verbs/prune.hpp"
#include "verbs/verify.hpp"

namespace overdrive {

namespace {

void add_verify(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<VerifyOptions>();
    const auto seed = std::make_shared<std::int64_t>(0);
    CLI::App* verb =
        app.add_subcommand("verify", "compare the installed drivers, file by file, with what was installed");
    verb->footer(
        "Names, sizes, modes, owners and links of all files, and the content of all or of a sample. Looks only; needs\n"
        "neither root nor the network. Exit code 8 when something differs.");
    verb->add_option("generation", options->generations, "<driver>/<os> as 'list' prints it; default: all")
        ->type_name("GENERATION");
    verb->add_option("--sample", options->percent, "percent of the files whose content is read")
        ->type_name("N")
        ->check(CLI::Range(1, 100));
    CLI::Option* seed_option =
        verb->add_option("--seed", *seed, "repeat the sample of an earlier run, which printed this")
            ->type_name("N")
            ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()));
    verb->callback([&dispatch, options, seed, seed_option] {
        dispatch.verb = "verify";
        if (seed_option->count() > 0) options->seed = static_cast<std::uint64_t>(*seed);
        dispatch.chosen = [options](Services& services, Report& report) {
            return run_verify(*options, services, report);
        };
    });
}

void add_prune(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<PruneOptions>();
    CLI::App* verb = app.add_subcommand("prune", "remove the oldest installed drivers");
    verb->footer(
        "Never removes the current driver, the wanted one, one that takes effect at the next boot, either side of a\n"
        "rollback, or the last good one of a kernel that this host may still boot. Reports the bytes that are truly\n"
        "freed: what other drivers share by hard link or reflink stays on the disk.");
    verb->add_option("--keep", options->keep, "how many of the newest stay")
        ->type_name("N")
        ->required()
        ->check(CLI::Range(1, 1000));
    verb->add_flag("--dry-run", options->dry_run, "tell what would be removed and freed, and change nothing");
    choose_changing(*verb, dispatch, options, run_prune);
}

void add_history(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<HistoryOptions>();
    CLI::App* verb = app.add_subcommand("history", "what happened to this host's driver, the newest last");
    verb->footer("The last hundred events. Needs no root and changes nothing.");
    verb->add_option("-n,--lines", options->most, "the newest N only")->type_name("N")->check(CLI::Range(1, 1000));
    verb->add_option("--since", options->since,
                     "what is not older: '2026-11-21', '2026-11-21 09:12' (UTC), or how long ago: '12h', '7d'")
        ->type_name("TIME");
    choose(*verb, dispatch, options, run_history);
}

}  // namespace

void add_keeping_verbs(CLI::App& app, Dispatch& dispatch) {
    add_verify(app, dispatch);
    add_prune(app, dispatch);
    add_history(app, dispatch);
}

}  // namespace overdrive
