#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <memory>
#include <string_view>

#include "support/error.hpp"
#include "support/root.hpp"

namespace overdrive {

/// A connection of our own to the host's system bus, whose socket lies below the host root.
/// @throws Error service_manager when there is none
[[nodiscard]] std::unique_ptr<sdbus::IConnection> connect_system_bus(const Root& root);

/// The Error of a failed call. @param attempted what was asked of whom
[[nodiscard]] Error bus_failure(std::string_view attempted, const sdbus::Error& error);

}  // namespace overdrive
