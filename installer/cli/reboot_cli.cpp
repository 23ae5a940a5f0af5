#include <charconv>
#include <cstdint>
#include <memory>
#include <string>

#include "cli/dispatch.hpp"
#include "verbs/gate.hpp"
#include "verbs/stage.hpp"

namespace overdrive {

namespace {

constexpr std::int64_t kMostSeconds = 366LL * 24 * 3600;

/// `90`, `90s`, `30m`, `1h`, `2d`; nullopt for anything else, and for what is not from a second to a year.
std::optional<std::chrono::seconds> parse_duration(const std::string& text) {
    std::int64_t count = 0;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, count);
    const std::string unit{parsed.ptr, end};
    const std::int64_t scale = unit.empty() || unit == "s" ? 1
                               : unit == "m"               ? 60
                               : unit == "h"               ? 3600
                               : unit == "d"               ? 24 * 3600
                                                           : 0;
    if (parsed.ec != std::errc{} || scale == 0 || count < 1 || count > kMostSeconds / scale) return std::nullopt;
    return std::chrono::seconds{count * scale};
}

std::string check_duration(const std::string& text) {
    return parse_duration(text) ? std::string{} : "'" + text + "' is no time such as 90s, 30m, 1h or 2d";
}

void add_stage(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<StageOptions>();
    CLI::App* verb = app.add_subcommand("stage", "fetch the driver for the next OS release, before the reboot");
    verb->footer(
        "Asks whoever knows the pending OS on this host (update_engine, rpm-ostree or bootc, snapper, the boot menu), "
        "or\n"
        "takes the OS key that is named, and fetches the same driver for it, verified as by install. Nothing that "
        "runs\n"
        "is changed. nvidia-stage.service does it by itself when an OS update is pending.");
    verb->add_option(
            "driver", options->overrides.driver,
            "driver version (550.163.01-open), branch (550, 550-open) or channel; default: the one that is wanted now")
        ->type_name("DRIVER");
    CLI::Option* const os =
        verb->add_option("--os", options->os, "stage for the OS release with this key")->type_name("KEY");
    verb->add_option("--kernel", options->kernel, "with --os: refuse an artifact that is for another kernel release")
        ->type_name("RELEASE")
        ->needs(os);
    verb->add_flag_function(
            "--pending", [](std::int64_t /*times*/) {}, "stage for the pending OS release (the default)")
        ->excludes(os);
    verb->add_option("--source", options->overrides.sources,
                     "where artifacts come from, in order: docker://HOST/REPO, oci:DIR or oci-archive:FILE; {os_id} is "
                     "filled in")
        ->type_name("SOURCE");
    verb->add_option("--key", options->overrides.keys,
                     "a public key (PEM) that may vouch for artifacts, besides the configured ones")
        ->type_name("FILE");
    verb->add_flag("--allow-unsigned", options->overrides.allow_unsigned, "accept artifacts that no key vouches for");
    verb->add_flag("--allow-older", options->allow_older,
                   "accept an artifact whose signed serial is lower than that of what was installed from there before");
    verb->add_flag("--dry-run", options->dry_run, "tell what would be fetched and change nothing");
    CLI::Option* const unit =
        verb->add_flag("--unit", options->unit, "called by nvidia-stage.service: [stage] auto decides")->excludes(os);
    verb->add_flag("--settle", options->settle, "with --unit: stay until two looks, 10 s apart, agree")->needs(unit);
    verb->add_flag(
            "--watch", options->watch,
            "called by nvidia-stage-watch.service: wait for update_engine's signal and start nvidia-stage.service")
        ->excludes(os);
    choose_changing(*verb, dispatch, options, run_stage);
}

void add_gate(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<GateOptions>();
    const auto lasts = std::make_shared<std::string>();
    CLI::App* verb = app.add_subcommand("gate", "is it safe to reboot? Exit code 0: yes, 8: no");
    verb->footer(
        "Not safe while an OS update is pending whose driver is not installed; the time is limited by [gate] timeout.\n"
        "Needs no root to answer. docs/reboots.md has what to write for locksmith, FLUO, zincati, kured and others.");
    CLI::Option* const hold =
        verb->add_flag("--hold", options->hold,
                       "called by nvidia-gate.service: hold logind's lock over reboots as long as it is not safe");
    CLI::Option* const allow =
        verb->add_flag("--allow", options->allow, "allow reboots all the same, until the next boot")->excludes(hold);
    verb->add_option("--for", *lasts, "with --allow: only for so long (30m, 1h, 2d)")
        ->type_name("TIME")
        ->needs(allow)
        ->check(check_duration);
    verb->add_flag("--revoke", options->revoke, "take back what --allow allowed")->excludes(hold)->excludes(allow);
    verb->callback([&dispatch, options, lasts] {
        dispatch.verb = "gate";
        if (!lasts->empty()) options->lasts = parse_duration(*lasts);
        dispatch.chosen = [options](Services& services, Report& report) {
            return run_gate(*options, services, report);
        };
    });
}

}  // namespace

void add_reboot_verbs(CLI::App& app, Dispatch& dispatch) {
    add_stage(app, dispatch);
    add_gate(app, dispatch);
}

}  // namespace overdrive
