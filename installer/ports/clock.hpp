#pragma once

#include <chrono>

namespace overdrive {

/// Time, so that no test waits.
class Clock {
public:
    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;

    /// Seconds since the epoch, for records and people; it may be wrong at boot.
    [[nodiscard]] virtual std::chrono::seconds wall() = 0;
    [[nodiscard]] virtual std::chrono::steady_clock::time_point steady() = 0;
    virtual void sleep(std::chrono::milliseconds time) = 0;
};

}  // namespace overdrive
