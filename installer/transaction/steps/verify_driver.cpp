#include "transaction/steps/verify_driver.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "support/error.hpp"

namespace overdrive {

VerifyDriver::VerifyDriver(std::function<HostFacts()> read_facts, DeviceNodes& nodes, ProcessRunner& processes,
                           const DriverManifest& manifest, std::string generation, SmiPolicy smi)
    : read_facts_{std::move(read_facts)},
      nodes_{nodes},
      processes_{processes},
      manifest_{manifest},
      generation_{std::move(generation)},
      smi_{smi} {}

bool VerifyDriver::apply() {
    check_modules();
    const auto missing = nodes_.missing(manifest_.device_nodes);
    if (!missing.empty())
        throw Error{Errc::verify_failed, fmt::format("device nodes are missing: {}", fmt::join(missing, ", "))};
    check_nvidia_smi();
    return false;
}

void VerifyDriver::check_modules() const {
    const HostFacts facts = read_facts_();
    if (facts.driver_version != manifest_.driver_version) {
        throw Error{Errc::verify_failed,
                    fmt::format("/proc/driver/nvidia/version says '{}', wanted is '{}'",
                                facts.driver_version.value_or("nothing"), manifest_.driver_version)};
    }
    for (const ModuleSpec& module : manifest_.modules) {
        if (!module.autoload || !module.required) continue;
        const LoadedModule* loaded = facts.loaded(module.name);
        if (loaded == nullptr) throw Error{Errc::verify_failed, fmt::format("module {} is not loaded", module.name)};
        if (loaded->version != module.version) {
            throw Error{Errc::verify_failed, fmt::format("module {} is loaded in version '{}', wanted is '{}'",
                                                         module.name, loaded->version, module.version)};
        }
    }
}

void VerifyDriver::check_nvidia_smi() const {
    const bool shipped =
        std::find(manifest_.programs.begin(), manifest_.programs.end(), "nvidia-smi") != manifest_.programs.end();
    if (smi_ == SmiPolicy::off || !shipped) return;
    const ProcessResult result = processes_.run({.arguments = {generation_ + "/bin/nvidia-smi", "-L"},
                                                 .environment = {{"LD_LIBRARY_PATH", generation_ + "/lib64"}},
                                                 .timeout = std::chrono::seconds{60}});
    if (result.exit_code == 0 && !result.timed_out) return;
    const std::string first_line = result.output.substr(0, result.output.find('\n'));
    const std::string said = result.timed_out ? std::string{"gave no answer in 60 s"}
                                              : fmt::format("ended with {}: {}", result.exit_code, first_line);
    if (smi_ == SmiPolicy::require) {
        throw Error{Errc::verify_failed, fmt::format("nvidia-smi {}", said)}.with_remedy(
            "'dmesg | grep NVRM' says what the GPU lacks; nvidia-smi = \"warn\" in the configuration accepts it");
    }
    spdlog::warn("nvidia-smi {}", said);
}

}  // namespace overdrive
