#pragma once

#include "model/diagnosis.hpp"
#include "verbs/local_state.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Looks at everything that doctor judges, changing nothing. What cannot be read becomes a symptom, never an error: the
/// worse a host is, the more doctor is needed.
/// @param local  receives the local state, for the sections of the report that show it
[[nodiscard]] Symptoms gather_symptoms(Services& services, LocalState& local);

/// Asks the sources for the driver that is missing, within half a minute. @param report hears what is asked
void ask_sources(Services& services, const LocalState& local, Symptoms& symptoms, Report& report);

/// Whether the sources can tell more: nothing that is installed fits this kernel.
[[nodiscard]] bool lacks_driver(const Symptoms& symptoms) noexcept;

}  // namespace overdrive
