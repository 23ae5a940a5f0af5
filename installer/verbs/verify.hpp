#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct VerifyOptions {
    std::vector<std::string> generations;  ///< `<driver>/<os>` as list prints them; none: all
    unsigned percent = 100;                ///< of the files whose content is hashed
    std::optional<std::uint64_t> seed;     ///< chooses them; nullopt: another one each run
};

/// Compares the installed generations with what was installed: every name, type, size, mode, owner and link target, and
/// the content of all files or of a sample. Looks only; needs neither root nor the lock.
/// @return answer_is_no when something differs
/// @throws Error usage: a generation that is not installed, the nearest is named
ExitCode run_verify(const VerifyOptions& options, Services& services, Report& report);

}  // namespace overdrive
