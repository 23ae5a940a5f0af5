#include "model/finding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace overdrive {

namespace {

/// Most basic first: what is wrong with the machine, then with what is installed, then with what is in force.
const std::vector<FindingCode>& codes() {
    using enum Severity;
    static const std::vector<FindingCode> kCodes{
        {"config-bad", blocks, "The configuration cannot be read.", "Correct the line that is named."},
        {"record-newer", blocks, "A newer overdrive wrote the state of this host.",
         "Use that program: /opt/overdrive/current/bin/overdrive."},
        {"foreign-driver", blocks, "Somebody else installed an NVIDIA driver on this host.",
         "Remove it, or leave the driver to it; docs/adopt.md says how to take over."},
        {"rival-bound", blocks, "Another kernel driver (nouveau, vfio-pci) has the GPU.",
         "Unbind or blacklist it; the message names the command."},
        {"foreign-package", degrades, "Somebody else's NVIDIA driver is installed beside ours.",
         "Remove it: at a boot or an update it may take the place of ours."},
        {"modules-disabled", blocks, "The kernel loads no more modules until the next boot.",
         "Let nothing set kernel.modules_disabled before nvidia.service."},
        {"not-installed", blocks, "No driver is installed.", "'overdrive install' fetches the wanted one."},
        {"no-local-pair", blocks, "Nothing that is installed fits the running kernel.",
         "'overdrive install' fetches the driver for it."},
        {"no-artifact", blocks, "No source has the driver for this kernel.",
         "Publish it, or pin a driver or an OS release that has one; the nearest are named."},
        {"source-unreachable", blocks, "A driver is missing and its sources cannot be asked.",
         "Check the network, the login and 'sources' in /etc/overdrive/config.toml."},
        {"damaged-driver", degrades, "An installed driver cannot be read or is not the one that was installed.",
         "'overdrive verify' names every file; 'overdrive install' fetches it again."},
        {"wrong-kernel", blocks, "The modules were built for another kernel.", "Install the pair of this kernel."},
        {"symbol-crc", blocks, "The modules expect other symbol versions than this kernel has.",
         "Install the artifact that was built for this very kernel."},
        {"signer-unknown", blocks, "The kernel takes only signed modules and does not know the signer of these.",
         "Enrol the signer's certificate, or publish modules signed with a key that is enrolled."},
        {"unsigned-module", blocks, "The kernel takes only signed modules and these are not signed.",
         "Publish signed modules, or do not enforce signatures."},
        {"gpu-unsupported", blocks, "The driver does not know this GPU.", "Install a branch that supports it."},
        {"gpu-needs-open", blocks, "The GPU works with the open modules only.", "Install the '-open' driver."},
        {"gpu-needs-proprietary", blocks, "The GPU is too old for the open modules.",
         "Install the driver without '-open'."},
        {"firmware-missing", blocks, "Firmware that the GPU needs is not where the kernel looks.",
         "Install the driver again, or put the firmware where firmware_class.path points."},
        {"bad-artifact-parameter", blocks, "The artifact asks for a module parameter that its module does not take.",
         "Install another build of this driver."},
        {"bad-parameter", blocks, "A module has no such parameter, or not of that kind.",
         "Correct [parameters] in config.toml."},
        {"noexec", blocks, "The driver lies on a file system from which nothing can be executed.",
         "Mount it without noexec."},
        {"overlay-impossible", blocks, "The libraries cannot be laid over the host's directory.",
         "Use exposure = \"links\", or free the directory as the message says."},
        {"no-space", blocks, "There is not enough space.", "'overdrive prune' removes old drivers."},
        {"foreign-loaded", degrades, "A driver is loaded that nothing on this host can have brought.",
         "'overdrive activate' takes it out, where nothing uses it."},
        {"other-build", degrades, "The loaded driver is another build of the installed version.",
         "Reboot, so that the installed one is loaded."},
        {"rival-beside", degrades, "Another kernel driver has one of the GPUs.",
         "Unbind or blacklist it; the message names the command."},
        {"gpu-left-out", degrades, "The driver does not work with one of the GPUs.",
         "Install a driver that supports all of them, or do without it."},
        {"parameter-ignored", degrades, "A parameter of the configuration is wrong and was left out at boot.",
         "Correct [parameters] in config.toml."},
        {"selinux-label", degrades, "SELinux keeps confined processes from the driver's files.",
         "Relabel them; the message names the command."},
        {"driver-in-use", degrades, "Somebody uses the loaded driver, so another one has to wait.",
         "End what is named, or reboot."},
        {"activation-failed", blocks, "The last activation failed.", "The message says what it failed with."},
        {"modules-missing", blocks, "Modules of the driver are not loaded.", "'overdrive activate' loads them."},
        {"reboot-needed", degrades, "Another driver than the wanted one is loaded until the next boot.", "Reboot."},
        {"returned", degrades, "The wanted driver failed and the last good one is in force.",
         "See the failure; 'overdrive activate DRIVER' tries it again."},
        {"not-active", blocks, "The driver is installed but not in force.", "'overdrive activate'"},
        {"signer-unproven", informs,
         "Whether the kernel knows the signer of the modules cannot be told before loading.",
         "Nothing; where loading fails, enrol the signer's certificate."},
        {"passthrough", informs, "A GPU is set aside for virtual machines.", "Nothing."},
        {"libraries-hidden", blocks, "The driver's libraries cannot be seen on the host.",
         "'overdrive activate' makes them visible again."},
        {"nodes-missing", blocks, "Device nodes of the driver are missing.", "'overdrive activate' makes them."},
        {"daemon-missing", degrades, "A daemon that this hardware needs (fabric manager, NVLSM, IMEX) does not run.",
         "'systemctl status' of the daemon that is named says why; 'overdrive activate' starts it again."},
        {"cdi-stale", degrades, "Containers are told of another driver, or of other MIG instances, than are in force.",
         "'overdrive activate --repair' makes the CDI specification anew."},
        {"cdi-missing", degrades, "Container engines are not told of the driver: there is no CDI specification.",
         "'overdrive activate' makes it, or says why it cannot be made; [containers] cdi = \"off\" does without."},
        {"cdi-rival", degrades, "Somebody else gives containers the same devices.",
         "Leave it to one: [containers] other-generators = \"mask\" or \"defer\"."},
        {"unit-failed", degrades, "A unit that the driver needs failed.", "'systemctl status UNIT' says why."},
        {"unit-masked", degrades, "A unit of ours is masked, so the driver does not come back at the next boot.",
         "'systemctl unmask UNIT'"},
        {"unit-missing", degrades, "A unit or drop-in of ours is gone.", "'overdrive install' writes it again."},
        {"unit-not-enabled", degrades, "A unit of ours is not enabled.", "'systemctl enable UNIT'"},
        {"unit-edited", informs, "A unit or drop-in of ours was edited.",
         "Put changes into a drop-in of another name: the next install refuses to write over this one."},
        {"foreign-drop-in", informs, "Somebody else's drop-in changes a unit of ours.",
         "See whether it still does what it is meant to."},
        {"run-cut-off", degrades, "A run was cut off before it was done.", "'overdrive recover' finishes it."},
        {"record-damaged", degrades, "The record of what was done to this host cannot be read.",
         "'overdrive recover' sets it aside; what is installed speaks for itself."},
        {"no-trust", degrades, "Sources are configured but nobody is trusted, so nothing from them is installed.",
         "Write keys = [\"/etc/overdrive/keys/NAME.pub\"] below [trust] into /etc/overdrive/config.toml."},
        {"key-unreadable", degrades, "A key that vouches for drivers cannot be used.",
         "Put the public key (PEM) where the configuration names it."},
        {"pending-os-missing", degrades, "The next boot runs another OS release and its driver is not here.",
         "'overdrive stage' fetches it before the reboot."},
        {"old-libraries", degrades, "A process goes on with the libraries of another driver than the loaded one.",
         "Start it, or its container, again."},
        {"no-service-manager", informs, "systemd cannot be reached.",
         "Look at it from the host; without systemd nothing starts the driver at boot."},
        {"no-source", informs, "No source is configured, so only an image or a file can bring another driver.",
         "Write sources = [\"docker://REGISTRY/overdrive/nvidia-{os_id}\"] into /etc/overdrive/config.toml."},
        {"run-at-work", informs, "Another run is at work right now.", "Wait for it and look again."},
        {"sight-limited", informs, "Not everything can be seen without root.", "Run it as root."},
        {"symbol-unknown", informs, "Some symbol versions cannot be checked before loading.", "Nothing."},
    };
    return kCodes;
}

std::size_t rank(std::string_view code) {
    const auto& all = codes();
    return static_cast<std::size_t>(
        std::find_if(all.begin(), all.end(), [&](const FindingCode& each) { return each.code == code; }) - all.begin());
}

}  // namespace

std::string_view to_string(Severity severity) noexcept {
    switch (severity) {
        case Severity::blocks:
            return "blocks";
        case Severity::degrades:
            return "degrades";
        case Severity::informs:
            return "informs";
    }
    return "";
}

const std::vector<FindingCode>& finding_codes() { return codes(); }

const FindingCode& finding_code(std::string_view code) {
    const std::size_t index = rank(code);
    if (index == codes().size()) throw std::logic_error{fmt::format("finding code '{}' is not listed", code)};
    return codes()[index];
}

Finding make_finding(std::string_view code, std::string subject, std::string what, std::string remedy) {
    const FindingCode& known = finding_code(code);
    if (remedy.empty()) remedy = known.remedy;
    return {std::string{known.code}, std::move(subject), std::move(what), std::move(remedy)};
}

Severity severity_of(const Finding& finding) { return finding_code(finding.code).severity; }

void sort_by_importance(std::vector<Finding>& findings) {
    std::stable_sort(findings.begin(), findings.end(),
                     [](const Finding& a, const Finding& b) { return rank(a.code) < rank(b.code); });
}

}  // namespace overdrive
