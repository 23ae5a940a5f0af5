#pragma once

#include <thread>

#include "ports/clock.hpp"

namespace overdrive {

/// The machine's own clocks.
class SystemClock final : public Clock {
public:
    [[nodiscard]] std::chrono::seconds wall() override {
        return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    }
    [[nodiscard]] std::chrono::steady_clock::time_point steady() override { return std::chrono::steady_clock::now(); }
    void sleep(std::chrono::milliseconds time) override { std::this_thread::sleep_for(time); }
};

}  // namespace overdrive
