#include "cli/command_line.hpp"

#include "cli/cdi_cli.hpp"
#include "version.hpp"

namespace overdrive {

std::unique_ptr<CLI::App> make_command_line(Dispatch& dispatch) {
    auto app = std::make_unique<CLI::App>(
        "overdrive brings the prebuilt NVIDIA driver for the running kernel to an immutable Linux host.", "overdrive");
    app->footer(
        "First install:   podman run --rm --privileged -v /:/rootfs REGISTRY/overdrive/nvidia-<os id>:<os>-<driver>\n"
        "Natively:        overdrive install 550.163.01-open --source docker://REGISTRY/overdrive/nvidia-{os_id}\n"
        "Is it in force?  overdrive status\n\n"
        "Desired state:   /etc/overdrive/config.toml and config.toml.d/*.toml; the command line wins.\n"
        "Exit codes:      0 done, 1 failed (system as before), 2 usage/config/trust, 3 no driver for this kernel,\n"
        "                 4 at the next boot, 5 failed and not restored, 6 source unreachable, 7 busy, 8 answer is "
        "no.\n"
        "                 'overdrive reasons' prints every reason code.");
    app->set_version_flag("--version", std::string{"overdrive "} + kVersion);
    app->add_option("--root", dispatch.root, "the host's root; default: /rootfs in a container that has it, else /")
        ->type_name("DIR");
    app->add_flag("--json", dispatch.json, "print the result as JSON on stdout");
    app->add_flag("-q,--quiet", dispatch.quiet, "say nothing on stderr but warnings and failures");
    app->add_option_function<std::int64_t>(
           "--lock-timeout",
           [&dispatch](std::int64_t seconds) { dispatch.lock_timeout = std::chrono::seconds{seconds}; },
           "how long to wait for another run that holds the lock (default 60); 0: not at all")
        ->type_name("SECONDS")
        ->check(CLI::Range(0, 86400));
    app->add_option("--relay", dispatch.relay, "")->group("");
    app->require_subcommand(1);
    app->fallthrough();
    add_changing_verbs(*app, dispatch);
    add_keeping_verbs(*app, dispatch);
    add_reboot_verbs(*app, dispatch);
    add_looking_verbs(*app, dispatch);
    add_preflight_verb(*app, dispatch);
    add_completion_verb(*app, dispatch);
    add_doctor_verb(*app, dispatch);
    add_cdi_verb(*app, dispatch);
    return app;
}

}  // namespace overdrive
