#pragma once

#include <string>

#include "model/exit_code.hpp"
#include "verbs/report.hpp"

namespace overdrive {

/// The table verb x reason code x exit code as Markdown; docs/exit-codes.md is this text.
[[nodiscard]] std::string reason_table();

/// Prints the table.
ExitCode run_reasons(Report& report);

}  // namespace overdrive
