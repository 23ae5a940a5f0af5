#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cdi/generate.hpp"
#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct CdiGenerateRequest {
    CdiGenerateOptions what{};
    bool hook_chosen = false;             ///< somebody named the hooks' program
    std::string output{};                 ///< an absolute path; empty: the result is the specification
    std::optional<std::string> format{};  ///< yaml or json; nullopt: by the name of `output`, else yaml
    std::optional<std::string> newest{};  ///< the newest CDI version that may come out
    std::vector<std::string> engines{};   ///< `podman=4.9`: each must be able to load it
    bool dry_run = false;                 ///< the result is the specification, whatever `output` says
};

/// Makes the CDI specification of this host's GPUs and driver.
/// @throws Error as generate_cdi_spec; unsupported: it cannot be made for the engine or version asked for
ExitCode run_cdi_generate(const CdiGenerateRequest& request, Services& services, Report& report);

/// The program that hooks are to name: ours, else the vendor's; nullopt when this host has neither.
[[nodiscard]] std::optional<std::string> find_cdi_hook(const Root& root);

/// The program that asks NVML, as this process sees it: beside its own.
[[nodiscard]] std::string nvml_helper();

/// Where our own hook helper is once the program is installed.
inline constexpr const char* kOwnCdiHook = "/opt/overdrive/current/bin/overdrive-cdi-hook";

}  // namespace overdrive
