#pragma once

#include <vector>

#include "model/diagnosis.hpp"
#include "store/record.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What is not as it should be about our units and drop-ins: those of `record.owned`, and the drop-ins that somebody
/// else gave to units of ours. Nothing when no unit of ours was ever installed.
[[nodiscard]] std::vector<UnitSymptom> find_unit_symptoms(Services& services, const Config& config,
                                                          const Record& record);

/// The places where systemd looks for units, the one that wins first. @see systemd.unit(5)
[[nodiscard]] const std::vector<std::string>& unit_directories();

}  // namespace overdrive
