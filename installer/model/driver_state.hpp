#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/error.hpp"

namespace overdrive {

/// The one word that `status` answers with.
enum class StateWord {
    ready,      ///< the wanted driver is loaded, exposed and complete
    no_device,  ///< there is no NVIDIA GPU, so there is nothing to do
    degraded    ///< anything else; the reason says what
};
[[nodiscard]] std::string_view to_string(StateWord word) noexcept;

/// Why a node is degraded; stable names for scripts.
enum class DegradedBecause {
    nothing,
    nothing_installed,
    no_local_pair,      ///< nothing installed fits the running kernel
    not_active,         ///< installed, but not activated in this boot
    modules,            ///< a module is missing or of another version
    exposure,           ///< libraries are not visible, or of another generation
    nodes,              ///< device nodes are missing
    reboot_needed,      ///< another version is loaded; the wanted one takes over at the next boot
    activation_failed,  ///< the last activation failed
    daemons,            ///< a daemon that this hardware needs does not run; the driver itself works
    returned            ///< the wanted driver failed; another one that works is in force
};
[[nodiscard]] std::string_view to_string(DegradedBecause because) noexcept;

struct DriverState {
    StateWord word = StateWord::degraded;
    DegradedBecause because = DegradedBecause::nothing;
    std::string why;  ///< one sentence for people; empty when ready

    /// `ready`, `no-device`, `degraded: <why>`
    [[nodiscard]] std::string text() const;
    /// Whether there is a driver that works, or none is needed: ready, no-device, without a daemon, or returned to
    /// another driver.
    [[nodiscard]] bool usable() const noexcept {
        return word != StateWord::degraded || because == DegradedBecause::returned ||
               because == DegradedBecause::daemons;
    }
};

/// What was observed, from which the state follows.
struct Observation {
    bool gpu_present = false;
    bool anything_installed = false;
    std::optional<std::string> selected;  ///< `<driver>/<os>` that fits this kernel
    std::string kernel_release;
    std::optional<std::string> current;
    std::optional<std::string> passed_over;  ///< why the wanted one was not selected: its path and what it failed with
    std::string wanted_version;              ///< version of the selected driver
    std::optional<std::string> loaded_version;  ///< of the nvidia module
    std::vector<std::string> missing_modules;
    bool exposure_healthy = false;
    std::vector<std::string> missing_nodes;
    std::optional<std::string> daemon_problem;      ///< why a daemon that the hardware asks for cannot run
    std::optional<std::string> activation_failure;  ///< what the last activation of this boot failed with
};

/// The first thing that matters, most basic first.
[[nodiscard]] DriverState judge(const Observation& seen);

}  // namespace overdrive
