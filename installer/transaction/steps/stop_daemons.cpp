#include "transaction/steps/stop_daemons.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "support/error.hpp"

namespace overdrive {

namespace {

using namespace std::chrono_literals;

constexpr auto kStopLimit = 60s;
constexpr auto kStartLimit = 180s;  // TimeoutStartSec= of nvidia-persistenced.service
constexpr auto kLookAgain = 100ms;

bool is_running(const std::optional<std::string>& state) {
    return state == "active" || state == "activating" || state == "reloading";
}

bool is_stopped(const std::optional<std::string>& state) { return !state || state == "inactive" || state == "failed"; }

}  // namespace

void start_again(UnitManager& manager, const std::string& unit, Jobs jobs) {
    manager.forget_starts(unit);
    if (jobs == Jobs::wait) {
        manager.start(unit, kStartLimit);
    } else {
        manager.queue_start(unit);
    }
}

std::vector<std::string> running_units(UnitManager& manager, std::vector<std::string> units) {
    if (!manager.reachable()) return {};
    std::erase_if(units, [&](const std::string& unit) {
        try {
            return !is_running(manager.active_state(unit));
        } catch (const Error& error) {
            spdlog::warn("ignoring unit {}: {}", unit, error.what());
            return true;
        }
    });
    return units;
}

StopDaemons::StopDaemons(UnitManager& manager, Clock& clock, std::vector<std::string> running, Jobs jobs)
    : manager_{manager}, clock_{clock}, running_{std::move(running)}, jobs_{jobs} {}

bool StopDaemons::apply() {
    const auto deadline = clock_.steady() + kStopLimit;
    for (const std::string& unit : running_) {
        stopped_.push_back(unit);  // before: a stop that takes too long goes on
        try {
            stop(unit, deadline);
        } catch (const Error& error) {
            if (error.code() != Errc::service_manager) throw;
            throw Error{Errc::module_busy, fmt::format("{} holds the driver and does not stop: {}", unit, error.what())}
                .with_remedy(error.remedy());
        }
    }
    return !stopped_.empty();
}

void StopDaemons::stop(const std::string& unit, std::chrono::steady_clock::time_point deadline) {
    if (jobs_ == Jobs::wait) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock_.steady());
        manager_.stop(unit, std::max<std::chrono::milliseconds>(left, kLookAgain));
        return;
    }
    // A stop goes before every start that it is ordered with, so this ends even inside the start of nvidia.service;
    // it is the state that is looked at, with a limit, and no job that is waited for. @see systemd.unit(5), Before=
    manager_.queue_stop(unit);
    while (!is_stopped(manager_.active_state(unit))) {
        if (clock_.steady() >= deadline) {
            throw Error{Errc::service_manager,
                        fmt::format("unit '{}' still runs {} s after its stop was queued", unit, kStopLimit.count())};
        }
        clock_.sleep(kLookAgain);
    }
}

void StopDaemons::undo() {
    std::vector<std::string> problems;
    std::for_each(stopped_.rbegin(), stopped_.rend(), [&](const std::string& unit) {
        try {
            start_again(manager_, unit, jobs_);
        } catch (const Error& error) {
            problems.emplace_back(error.what());
        }
    });
    stopped_.clear();
    if (!problems.empty()) throw Error{Errc::service_manager, fmt::format("{}", fmt::join(problems, "; "))};
}

}  // namespace overdrive
