#pragma once

#include <string>
#include <vector>

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct CdiListOptions {
    std::vector<std::string> folders{};  ///< absolute, the weaker one first; empty: where engines look
};

/// A specification that was given by its text.
struct CdiText {
    std::string name;  ///< for messages
    std::string text;
};

/// Prints the qualified names of all devices that engines can resolve, one a line. A broken file is a warning.
ExitCode run_cdi_list(const CdiListOptions& options, Services& services, Report& report);

/// Says whether engines load a specification, and what is unwise in one that they load.
/// @return answer_is_no when they refuse it
ExitCode run_cdi_validate(const CdiText& spec, Services& services, Report& report);

/// Prints the lowest CDI version that has all that is in a specification.
/// @throws Error bad_manifest
ExitCode run_cdi_min_version(const CdiText& spec, Services& services, Report& report);

/// The folders of `options`, or those where engines look.
[[nodiscard]] std::vector<std::string> folders_or_default(const std::vector<std::string>& folders);

}  // namespace overdrive
