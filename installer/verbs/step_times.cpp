#include "verbs/step_times.hpp"

#include <fmt/format.h>

#include <cmath>

namespace overdrive {

namespace {

/// In milliseconds, to a hundredth.
double milliseconds(std::chrono::steady_clock::duration time) {
    return std::round(std::chrono::duration<double, std::milli>{time}.count() * 100) / 100;
}

}  // namespace

void StepTimes::begin(std::string_view part) {
    end();
    parts_.push_back({part});
    begun_ = clock_->steady();
}

void StepTimes::end() {
    if (begun_) parts_.back().took = clock_->steady() - *begun_;
    begun_.reset();
}

std::string StepTimes::text() const {
    std::string text;
    for (const Part& part : parts_) {
        const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(part.took);
        if (whole.count() > 0) text += fmt::format("{}{} {} ms", text.empty() ? "" : ", ", part.name, whole.count());
    }
    return text;
}

nlohmann::ordered_json StepTimes::to_json() const {
    nlohmann::ordered_json parts = nlohmann::ordered_json::array();
    for (const Part& part : parts_) parts.push_back({{"step", part.name}, {"ms", milliseconds(part.took)}});
    return parts;
}

}  // namespace overdrive
