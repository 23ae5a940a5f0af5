#pragma once

#include <functional>
#include <vector>

#include "ports/clock.hpp"

namespace overdrive {

/// A clock that jumps instead of waiting, and remembers what it was asked to wait.
class SkippingClock final : public Clock {
public:
    [[nodiscard]] std::chrono::seconds wall() override { return std::chrono::seconds{1'800'000'000}; }
    [[nodiscard]] std::chrono::steady_clock::time_point steady() override { return now; }
    void sleep(std::chrono::milliseconds time) override {
        now += time;
        slept += time;
        if (on_sleep) on_sleep();
    }

    std::chrono::steady_clock::time_point now{};
    std::chrono::milliseconds slept{0};
    std::function<void()> on_sleep;
};

}  // namespace overdrive
