#pragma once

#include <string>
#include <vector>

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct CdiDoctorOptions {
    std::vector<std::string> folders{};  ///< absolute, the weaker one first; empty: where engines look
};

/// Finds the container engines of this host and says which specification files each loads, which it refuses and why;
/// and what is wrong with the files whoever reads them: two that give the same device, paths that are not on the host,
/// hooks without their program or without environment, another generator of NVIDIA specifications.
/// @return answer_is_no when something was found
ExitCode run_cdi_doctor(const CdiDoctorOptions& options, Services& services, Report& report);

}  // namespace overdrive
