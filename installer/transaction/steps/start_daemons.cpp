#include "transaction/steps/start_daemons.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "support/error.hpp"

namespace overdrive {

namespace {

using namespace std::chrono_literals;

constexpr auto kStopLimit = 60s;

}  // namespace

StartDaemons::StartDaemons(UnitManager& manager, std::vector<std::string> stopped, Jobs jobs)
    : manager_{manager}, stopped_{std::move(stopped)}, jobs_{jobs} {}

bool StartDaemons::apply() {
    std::for_each(stopped_.rbegin(), stopped_.rend(), [&](const std::string& unit) { start(unit); });
    return changed_;
}

void StartDaemons::start(const std::string& unit) {
    started_.push_back(unit);  // before: a start that takes too long goes on
    try {
        start_again(manager_, unit, jobs_);
        changed_ = true;
    } catch (const Error& error) {
        if (error.code() != Errc::service_manager) throw;
        spdlog::warn("the driver is active, but {} was not started again: {}", unit, error.what());
    }
}

void StartDaemons::undo() {
    std::for_each(started_.rbegin(), started_.rend(), [&](const std::string& unit) {
        if (jobs_ == Jobs::wait) {
            manager_.stop(unit, kStopLimit);
        } else {
            manager_.queue_stop(unit);
        }
    });
    started_.clear();
}

}  // namespace overdrive
