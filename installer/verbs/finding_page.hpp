#pragma once

#include <string>

#include "model/exit_code.hpp"
#include "verbs/report.hpp"

namespace overdrive {

/// docs/troubleshooting.md: every finding code with what it means and what to do, in Markdown.
[[nodiscard]] std::string finding_page();

/// Prints it, or the same as JSON.
ExitCode tell_finding_codes(Report& report);

}  // namespace overdrive
