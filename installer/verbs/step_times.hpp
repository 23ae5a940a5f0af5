#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/clock.hpp"

namespace overdrive {

/// What a run spends its time on, one part after the other: `preflight`, `prepare`, then steps by their ids.
class StepTimes {
public:
    explicit StepTimes(Clock& clock) : clock_{&clock} {}

    /// Ends the part before. @param part outlives this: a literal
    void begin(std::string_view part);
    void end();

    /// `preflight 12 ms, load-modules 3210 ms`: the parts that took a millisecond or more.
    [[nodiscard]] std::string text() const;
    /// `[{"step": "load-modules", "ms": 3210.4}]`
    [[nodiscard]] nlohmann::ordered_json to_json() const;

private:
    struct Part {
        std::string_view name;
        std::chrono::steady_clock::duration took{};
    };
    Clock* clock_;
    std::optional<std::chrono::steady_clock::time_point> begun_;
    std::vector<Part> parts_;
};

}  // namespace overdrive
