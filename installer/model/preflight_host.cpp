// What the preflight says about the host: who else has a driver here, who has the GPUs, and which GPUs they are.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "model/gpu_architecture.hpp"
#include "model/preflight.hpp"

namespace overdrive {

namespace {

/// Drivers that hold a device for a virtual machine: bound on purpose.
bool is_passthrough(std::string_view driver) { return driver == "vfio-pci" || driver == "pci-stub"; }

bool is_rival(const GpuFunction& gpu) { return !gpu.driver.empty() && gpu.driver != "nvidia"; }

std::string rival_remedy(const GpuFunction& gpu) {
    const std::string unbind = fmt::format("'echo {} >/sys/bus/pci/drivers/{}/unbind'", gpu.address, gpu.driver);
    if (is_passthrough(gpu.driver)) {
        return fmt::format(
            "{} gives it back; to keep it, take its id out of the options of {} (kernel command line, "
            "/etc/modprobe.d)",
            unbind, gpu.driver);
    }
    return fmt::format(
        "{} and 'modprobe -r {}'; to keep it away, write 'blacklist {}' into /etc/modprobe.d, or "
        "modprobe.blacklist={} on the kernel command line",
        unbind, gpu.driver, gpu.driver, gpu.driver);
}

/// Why a driver of this kind cannot work on the GPU.
struct Unfit {
    const char* code;
    std::string what;
    std::string remedy;
};

std::optional<Unfit> unfit_by_list(const GpuFunction& gpu, const DriverManifest& manifest,
                                   const std::vector<SupportedGpu>& supported) {
    const auto entry = std::find_if(supported.begin(), supported.end(),
                                    [&](const SupportedGpu& known) { return known.device_id == gpu.device_id; });
    if (entry == supported.end()) return std::nullopt;
    const std::string device = fmt::format("10de:{:04x} at {}", gpu.device_id, gpu.address);
    if (!entry->legacy_branch.empty()) {
        return Unfit{"gpu-unsupported",
                     fmt::format("driver {} does not support the GPU {} any more; {} was the last branch that did",
                                 manifest.driver_version, device, entry->legacy_branch),
                     fmt::format("install a driver of branch {}", entry->legacy_branch)};
    }
    if (manifest.module_type == "open" && !entry->open) {
        return Unfit{"gpu-needs-proprietary", fmt::format("the open modules do not support the GPU {}", device),
                     fmt::format("install driver {} without '-open'", manifest.driver_version)};
    }
    if (manifest.module_type == "proprietary" && !entry->proprietary) {
        return Unfit{"gpu-needs-open", fmt::format("only the open modules support the GPU {}", device),
                     fmt::format("install driver {}-open", manifest.driver_version)};
    }
    return std::nullopt;
}

std::optional<Unfit> unfit_by_architecture(const GpuFunction& gpu, const DriverManifest& manifest) {
    const auto architecture = architecture_of(gpu.device_id);
    if (!architecture) return std::nullopt;
    const std::string device =
        fmt::format("10de:{:04x} at {} is {}", gpu.device_id, gpu.address, to_string(*architecture));
    if (manifest.module_type == "open" && !works_with_open_modules(*architecture)) {
        return Unfit{"gpu-needs-proprietary", fmt::format("the GPU {}; the open modules begin with Turing", device),
                     fmt::format("install driver {} without '-open'", manifest.driver_version)};
    }
    if (manifest.module_type == "proprietary" && !works_with_proprietary_modules(*architecture)) {
        return Unfit{"gpu-needs-open", fmt::format("the GPU {}; only the open modules know it", device),
                     fmt::format("install driver {}-open", manifest.driver_version)};
    }
    return std::nullopt;
}

}  // namespace

void judge_foreign_drivers(const HostFacts& host, const std::vector<std::string>& own_versions, bool at_boot,
                           const PreflightFacts& facts, std::vector<Finding>& findings) {
    const auto& loaded = host.driver_version;
    const bool loaded_is_ours =
        loaded && std::find(own_versions.begin(), own_versions.end(), *loaded) != own_versions.end();
    if (loaded && !loaded_is_ours) {
        // Where nothing can bring it back, its owner is gone: a person who asks for ours means to take over.
        const bool is_abandoned = !at_boot && facts.foreign_drivers.empty();
        findings.push_back(
            {is_abandoned ? "foreign-loaded" : "foreign-driver", "nvidia",
             fmt::format("driver {} is loaded, and it is none of those that overdrive installed here", *loaded),
             is_abandoned ? "nothing has to be done: ours takes its place when nothing uses it"
                          : "leave the GPU to it, or take over: docs/adopt.md"});
    }
    for (const ForeignDriver& foreign : facts.foreign_drivers) {
        // What is only installed may be tried at boot; what works here is never harmed, unless ours is in already.
        const bool stands_in_the_way = (foreign.works_here || !at_boot) && !loaded_is_ours;
        findings.push_back({stands_in_the_way ? "foreign-driver" : "foreign-package", foreign.what,
                            fmt::format("this host has another NVIDIA driver: {}", foreign.what), foreign.remedy});
    }
}

void judge_policy(const KernelPolicy& policy, std::vector<Finding>& findings) {
    if (!policy.modules_disabled.value_or(false)) return;
    findings.push_back(Finding{"modules-disabled", "kernel.modules_disabled",
                               "kernel.modules_disabled is 1: this kernel loads no module until the next boot",
                               "find what sets it ('grep -r modules_disabled /etc/sysctl.d /usr/lib/sysctl.d'), let "
                               "nvidia.service run before it, and reboot"});
}

void judge_rivals(const HostFacts& host, std::vector<Finding>& findings) {
    const bool all_taken = std::all_of(host.gpus.begin(), host.gpus.end(), is_rival);
    for (const GpuFunction& gpu : host.gpus) {
        if (!is_rival(gpu)) continue;
        const char* code = all_taken ? "rival-bound" : is_passthrough(gpu.driver) ? "passthrough" : "rival-beside";
        findings.push_back(
            {code, gpu.address,
             fmt::format("the kernel driver {} has the GPU {} (10de:{:04x})", gpu.driver, gpu.address, gpu.device_id),
             rival_remedy(gpu)});
    }
}

void judge_gpus(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings) {
    std::vector<std::pair<const GpuFunction*, Unfit>> unfit;
    std::size_t ours = 0;
    for (const GpuFunction& gpu : question.host.gpus) {
        if (is_rival(gpu)) continue;
        ++ours;
        auto reason = unfit_by_architecture(gpu, question.manifest);
        if (!reason && facts.supported) reason = unfit_by_list(gpu, question.manifest, *facts.supported);
        if (reason) unfit.emplace_back(&gpu, std::move(*reason));
    }
    for (auto& [gpu, reason] : unfit) {
        const char* code = unfit.size() == ours ? reason.code : "gpu-left-out";
        findings.push_back({code, gpu->address, std::move(reason.what), std::move(reason.remedy)});
    }
}

}  // namespace overdrive
