#include "transaction/steps/verify_driver.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "support/error.hpp"
#include "transaction/steps/nvidia_smi.hpp"

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
    if (smi_ == SmiPolicy::off) return;
    const auto complaint = ask_nvidia_smi(processes_, manifest_, generation_);
    if (!complaint) return;
    if (smi_ == SmiPolicy::require) {
        throw Error{Errc::verify_failed, *complaint}.with_remedy(
            "'dmesg | grep NVRM' says what the GPU lacks; nvidia-smi = \"warn\" in the configuration accepts it");
    }
    spdlog::warn("{}", *complaint);
}

}  // namespace overdrive
