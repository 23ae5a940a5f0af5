#pragma once

#include "model/config.hpp"
#include "model/diagnosis.hpp"
#include "verbs/local_state.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What container engines are told of the driver that is in force, and who else tells them. Of a host without a working
/// driver nothing is said: there is nothing to tell.
void look_at_containers(const Services& services, const Store& store, const LocalState& local, const Config& config,
                        Symptoms& seen);

}  // namespace overdrive
