#include "model/driver_state.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace overdrive {

std::string_view to_string(StateWord word) noexcept {
    switch (word) {
        case StateWord::ready:
            return "ready";
        case StateWord::no_device:
            return "no-device";
        case StateWord::degraded:
            return "degraded";
    }
    return "degraded";
}

std::string_view to_string(DegradedBecause because) noexcept {
    switch (because) {
        case DegradedBecause::nothing:
            return "";
        case DegradedBecause::nothing_installed:
            return "nothing-installed";
        case DegradedBecause::no_local_pair:
            return "no-local-pair";
        case DegradedBecause::not_active:
            return "not-active";
        case DegradedBecause::modules:
            return "modules";
        case DegradedBecause::exposure:
            return "exposure";
        case DegradedBecause::nodes:
            return "nodes";
        case DegradedBecause::reboot_needed:
            return "reboot-needed";
        case DegradedBecause::activation_failed:
            return "activation-failed";
        case DegradedBecause::daemons:
            return "daemons";
        case DegradedBecause::returned:
            return "returned";
    }
    return "";
}

std::string DriverState::text() const {
    return word == StateWord::degraded ? fmt::format("degraded: {}", why) : std::string{to_string(word)};
}

DriverState judge(const Observation& seen) {
    const auto degraded = [](DegradedBecause because, std::string why) {
        return DriverState{StateWord::degraded, because, std::move(why)};
    };
    if (!seen.gpu_present) return {StateWord::no_device, DegradedBecause::nothing, ""};
    if (!seen.anything_installed) return degraded(DegradedBecause::nothing_installed, "no driver is installed");
    if (!seen.selected && seen.passed_over) return degraded(DegradedBecause::activation_failed, *seen.passed_over);
    if (!seen.selected) {
        return degraded(DegradedBecause::no_local_pair,
                        fmt::format("no installed driver fits kernel {}", seen.kernel_release));
    }
    if (seen.loaded_version && *seen.loaded_version != seen.wanted_version) {
        return degraded(DegradedBecause::reboot_needed,
                        fmt::format("driver {} is loaded, {} takes over at the next boot", *seen.loaded_version,
                                    seen.wanted_version));
    }
    if (seen.activation_failure) return degraded(DegradedBecause::activation_failed, *seen.activation_failure);
    if (seen.current != seen.selected && !seen.loaded_version) {
        return degraded(DegradedBecause::not_active, fmt::format("{} is installed but not active", *seen.selected));
    }
    if (!seen.missing_modules.empty()) {
        return degraded(DegradedBecause::modules, fmt::format("not loaded: {}", fmt::join(seen.missing_modules, ", ")));
    }
    if (seen.current != seen.selected) {
        return degraded(DegradedBecause::not_active, fmt::format("{} is installed but not current", *seen.selected));
    }
    if (!seen.exposure_healthy)
        return degraded(DegradedBecause::exposure, "the driver's libraries are not visible on the host");
    if (!seen.missing_nodes.empty()) {
        return degraded(DegradedBecause::nodes,
                        fmt::format("missing device nodes: {}", fmt::join(seen.missing_nodes, ", ")));
    }
    if (seen.passed_over) {
        return degraded(DegradedBecause::returned,
                        fmt::format("{}; {} is in force instead", *seen.passed_over, *seen.selected));
    }
    if (seen.daemon_problem) return degraded(DegradedBecause::daemons, *seen.daemon_problem);
    return {StateWord::ready, DegradedBecause::nothing, ""};
}

}  // namespace overdrive
