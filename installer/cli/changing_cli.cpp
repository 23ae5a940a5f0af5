#include <memory>

#include "cli/dispatch.hpp"
#include "verbs/activate.hpp"
#include "verbs/deactivate.hpp"
#include "verbs/install.hpp"
#include "verbs/recover.hpp"
#include "verbs/rollback.hpp"
#include "verbs/uninstall.hpp"

namespace overdrive {

namespace {

void add_overrides(CLI::App& verb, Overrides& overrides) {
    verb.add_option("--source", overrides.sources,
                    "where artifacts come from, in order: docker://HOST/REPO, oci:DIR or oci-archive:FILE; {os_id} is "
                    "filled in")
        ->type_name("SOURCE");
    verb.add_option("--key", overrides.keys,
                    "a public key (PEM) that may vouch for artifacts, besides the configured ones")
        ->type_name("FILE");
    verb.add_flag("--allow-unsigned", overrides.allow_unsigned, "accept artifacts that no key vouches for");
    verb.add_option("--exposure", overrides.exposure, "how libraries become visible; the OS profile decides by default")
        ->check(CLI::IsMember({"overlay", "links"}));
}

/// What to do about a loaded driver that somebody uses.
void add_busy_options(CLI::App& verb, BusyRequest& busy) {
    CLI::Option* now = verb.add_flag(
        "--now", busy.now,
        "do not put it off to the next boot: stop the services known to hold the driver, wait 'busy-wait' "
        "seconds for the rest, then fail (7)");
    verb.add_option_function<std::string>(
            "--when-busy", [&busy](const std::string& word) { busy.when_busy = parse_when_busy(word); },
            "while somebody uses the loaded driver: leave it until the next boot (defer), wait 'busy-wait' seconds for "
            "them first (wait), or also stop the known monitoring services (stop)")
        ->check(CLI::IsMember({"defer", "wait", "stop"}))
        ->excludes(now);
}

void add_install_options(CLI::App& verb, InstallOptions& options) {
    verb.add_option("driver", options.overrides.driver,
                    "driver version (550.163.01-open), branch (550, 550-open) or channel (stable, newest); default: "
                    "the configuration")
        ->type_name("DRIVER");
    add_overrides(verb, options.overrides);
    verb.add_flag("--dry-run", options.dry_run, "print the plan and change nothing");
    verb.add_flag("--no-activate", options.no_activate, "publish and record only; takes effect at the next boot");
    verb.add_flag("--no-units", options.no_units, "leave systemd alone");
    verb.add_flag("--allow-older", options.allow_older,
                  "accept an artifact whose signed serial is lower than that of what was installed from there before");
    verb.add_flag("--verify", options.verify,
                  "read what is installed already, every byte, and fetch it again when it is damaged");
}

void add_install(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<InstallOptions>();
    CLI::App* verb =
        app.add_subcommand("install", "fetch, verify and install the driver for this kernel, and put it in force");
    verb->footer(
        "Finds the artifact for this OS release and kernel in the sources, verifies its signature and every byte, "
        "unpacks it\n"
        "to /opt/nvidia/<driver>/<os>, installs the systemd units and activates the driver. Run twice it changes "
        "nothing.\n"
        "From a container: podman run --rm --privileged -v /:/rootfs REPO:<os>-<driver> installs what is in the "
        "image.");
    add_install_options(*verb, *options);
    add_busy_options(*verb, options->busy);
    verb->add_option("--staged", options->staged, "publish what a container run has staged")->group("");
    verb->add_option("--vouched", options->vouched, "how what is staged was vouched for")->group("");
    verb->add_option("--signed-by", options->signed_by, "the keys that vouched for what is staged")->group("");
    choose_changing(*verb, dispatch, options, run_install);
    const auto plan = std::make_shared<InstallOptions>();
    plan->dry_run = true;
    CLI::App* plan_verb = app.add_subcommand("plan", "the same as 'install --dry-run': print what install would do");
    add_install_options(*plan_verb, *plan);
    plan_verb->callback([&dispatch, plan] {
        dispatch.verb = "install";
        plan->dry_run = true;
        dispatch.chosen = [plan](Services& services, Report& report) { return run_install(*plan, services, report); };
    });
}

void add_update(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<InstallOptions>();
    CLI::App* verb = app.add_subcommand("update", "fetch the wanted driver for this kernel if it is not installed yet");
    verb->footer(
        "What nvidia-update.service runs after every boot, natively and after the network is up: nothing waits for it\n"
        "unless no installed driver fits the running kernel. 'hold = true' in the configuration stops it.");
    add_install_options(*verb, *options);
    add_busy_options(*verb, options->busy);
    verb->add_flag("--unit", options->unit,
                   "called by nvidia-update.service: queue a restart of nvidia.service instead of activating");
    choose_changing(*verb, dispatch, options, run_update);
}

void add_activate(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<ActivateOptions>();
    CLI::App* verb =
        app.add_subcommand("activate", "put an installed driver in force: modules, libraries, device nodes");
    verb->footer(
        "Uses local state only, never the network. What nvidia.service runs at boot. Run twice it changes nothing.");
    verb->add_option("driver", options->overrides.driver, "driver version or branch; default: the installed wish")
        ->type_name("DRIVER");
    verb->add_option("--exposure", options->overrides.exposure,
                     "how libraries become visible; the OS profile decides by default")
        ->check(CLI::IsMember({"overlay", "links"}));
    verb->add_flag("--dry-run", options->dry_run, "print the steps and change nothing");
    add_busy_options(*verb, options->busy);
    CLI::Option* boot =
        verb->add_flag("--boot", options->boot, "called by nvidia.service: a degraded node is reported, not failed");
    verb->add_flag("--repair", options->repair,
                   "only put back what is missing of the driver in force; for units that change what lies below it")
        ->excludes(boot);
    choose_changing(*verb, dispatch, options, run_activate);
}

void add_deactivate(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<DeactivateOptions>();
    CLI::App* verb =
        app.add_subcommand("deactivate", "unload the driver and take its libraries away; generations stay installed");
    verb->add_flag("--boot", options->boot, "called by nvidia.service at shutdown: detach the libraries only");
    choose_changing(*verb, dispatch, options, run_deactivate);
}

void add_rollback(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<RollbackOptions>();
    CLI::App* verb = app.add_subcommand("rollback", "return to the driver that was in force before");
    verb->footer(
        "Checks every byte of it first, then puts it in force. It stays wanted until the configuration wishes "
        "something\n"
        "else than it does now, or something is installed.");
    verb->add_option("--to", options->to, "generation to return to, as 'list' prints it, or a driver version")
        ->type_name("GENERATION");
    verb->add_flag("--dry-run", options->dry_run, "print the plan and change nothing");
    add_busy_options(*verb, options->busy);
    choose_changing(*verb, dispatch, options, run_rollback);
}

void add_recover(CLI::App& app, Dispatch& dispatch) {
    CLI::App* verb = app.add_subcommand("recover", "finish or take back what a run that was cut off left");
    verb->footer(
        "Every verb that changes something begins with this; by itself it is for people who want to see it happen.");
    verb->callback([&dispatch] {
        dispatch.verb = "recover";
        dispatch.chosen = [](Services& services, Report& report) {
            return run_telling("recover", services, report, [&] { return run_recover(services, report); });
        };
    });
}

void add_uninstall(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<UninstallOptions>();
    CLI::App* verb = app.add_subcommand("uninstall", "make the host what it was before the first install");
    verb->footer(
        "Takes the driver out of force and removes everything that was installed: units, drivers, state, the program.\n"
        "Refuses, naming them, while programs use the driver. Files that were edited stay and are named, and so does\n"
        "/etc/overdrive.");
    verb->add_flag("--dry-run", options->dry_run, "print what would be removed and change nothing");
    choose_changing(*verb, dispatch, options, run_uninstall);
}

}  // namespace

void add_changing_verbs(CLI::App& app, Dispatch& dispatch) {
    add_install(app, dispatch);
    add_update(app, dispatch);
    add_activate(app, dispatch);
    add_deactivate(app, dispatch);
    add_rollback(app, dispatch);
    add_recover(app, dispatch);
    add_uninstall(app, dispatch);
}

}  // namespace overdrive
