#include "simulated_units.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "simulated_kernel.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

namespace fs = std::filesystem;

/// The message to systemd that a tracer sees; an error that it injects is the bus's.
void send(std::string_view what) {
    const msghdr message{};
    if (sendmsg(-1, &message, 0) < 0 && errno != EBADF) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::service_manager, saved_errno, what);
    }
}

}  // namespace

SimulatedUnits::SimulatedUnits(const Root& root) : directory_{root.host_path("/simulated/units")} {}

void SimulatedUnits::mark(const std::string& what, const std::string& unit, bool there) const {
    as_somebody_else([&] {
        const fs::path path = fs::path{directory_} / what / unit;
        if (there) {
            fs::create_directories(path.parent_path());
            std::ofstream{path} << "\n";
        } else {
            fs::remove(path);
        }
    });
}

bool SimulatedUnits::reachable() { return fs::is_directory(directory_); }

void SimulatedUnits::daemon_reload() { send("daemon-reload"); }

bool SimulatedUnits::enable(const std::vector<std::string>& units) {
    send("enable");
    bool changed = false;
    for (const std::string& unit : units) {
        changed = changed || !fs::exists(fs::path{directory_} / "enabled" / unit);
        mark("enabled", unit, true);
    }
    return changed;
}

void SimulatedUnits::disable(const std::vector<std::string>& units) {
    send("disable");
    for (const std::string& unit : units) mark("enabled", unit, false);
}

void SimulatedUnits::start(const std::string& unit, std::chrono::milliseconds /*timeout*/) {
    send("start " + unit);
    mark("active", unit, true);
}

void SimulatedUnits::stop(const std::string& unit, std::chrono::milliseconds /*timeout*/) {
    send("stop " + unit);
    mark("active", unit, false);
}

void SimulatedUnits::queue_restart(const std::string& unit) {
    send("restart " + unit);
    mark("active", unit, true);
}

void SimulatedUnits::queue_start(const std::string& unit) {
    send("start " + unit);
    mark("active", unit, true);
}

void SimulatedUnits::queue_stop(const std::string& unit) {
    send("stop " + unit);
    mark("active", unit, false);
}

std::optional<std::string> SimulatedUnits::active_state(const std::string& unit) {
    return fs::exists(fs::path{directory_} / "active" / unit) ? "active" : "inactive";
}

UnitManager::TransientResult SimulatedUnits::run_transient(const TransientUnit& unit,
                                                           const std::function<void()>& /*while_waiting*/) {
    throw Error{Errc::service_manager, fmt::format("simulated: {} cannot be run", unit.name)};
}

}  // namespace overdrive
