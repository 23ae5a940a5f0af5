#pragma once

#include <optional>
#include <string>

#include "model/exit_code.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

struct DoctorOptions {
    bool ask_sources = false;           ///< also when an installed driver fits; asked anyway when none does
    bool no_network = false;            ///< the sources are not asked at all
    bool list_codes = false;            ///< print what every code means instead
    std::optional<std::string> bundle;  ///< also collect what a maintainer needs into this file, a path of our own tree
    bool force = false;                 ///< replace the bundle when it is there already
};

/// Says what is wrong with the driver on this host: one cause, one remedy, then what else was found. Changes nothing.
/// The sources are asked only when nothing that is installed fits, or when told to, within a limited time.
/// @return ok: nothing is wrong; answer_is_no: something was found that blocks or degrades
/// @throws Error io, usage: the bundle cannot be written, or is there already
ExitCode run_doctor(const DoctorOptions& options, Services& services, Report& report);

}  // namespace overdrive
