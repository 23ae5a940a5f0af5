#pragma once

#include <functional>

#include "verbs/activation.hpp"

namespace overdrive {

/// One try at putting the selected generation in force. @see activate_selected
[[nodiscard]] Activation activate_once(Services& services, Store& store, const Config& config, LocalState& local,
                                       const ActivationRequest& request, Report& report);

/// Changes the record where it may be changed; a disk that is full or read-only must not undo an activation.
void change_record_if_possible(Store& store, LocalState& local, Report& report,
                               const std::function<void(Record&)>& change);

}  // namespace overdrive
