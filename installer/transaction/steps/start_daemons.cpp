#include "transaction/steps/start_daemons.hpp"

#include <spdlog/spdlog.h>

#include <chrono>

#include "support/error.hpp"

namespace overdrive {

namespace {

using namespace std::chrono_literals;

constexpr auto kStartLimit = 180s;  // TimeoutStartSec= of nvidia-persistenced.service
constexpr auto kStopLimit = 60s;

}  // namespace

StartDaemons::StartDaemons(UnitManager& manager, std::vector<std::string> stopped, Jobs jobs)
    : manager_{manager}, stopped_{std::move(stopped)}, jobs_{jobs} {}

bool StartDaemons::apply() {
    bool changed = false;
    for (auto unit = stopped_.rbegin(); unit != stopped_.rend(); ++unit) {
        started_.push_back(*unit);  // before: a start that takes too long goes on
        try {
            manager_.forget_starts(*unit);
            if (jobs_ == Jobs::wait) {
                manager_.start(*unit, kStartLimit);
            } else {
                manager_.queue_start(*unit);
            }
            changed = true;
        } catch (const Error& error) {
            if (error.code() != Errc::service_manager) throw;
            spdlog::warn("the driver is active, but {} was not started again: {}", *unit, error.what());
        }
    }
    return changed;
}

void StartDaemons::undo() {
    for (auto unit = started_.rbegin(); unit != started_.rend(); ++unit) {
        if (jobs_ == Jobs::wait) {
            manager_.stop(*unit, kStopLimit);
        } else {
            manager_.queue_stop(*unit);
        }
    }
    started_.clear();
}

}  // namespace overdrive
