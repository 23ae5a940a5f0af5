#pragma once

namespace overdrive {

/// From now on SIGTERM, SIGINT and SIGHUP ask the run to stop instead of killing it, and a closed pipe is an error of
/// the write instead of a signal. Called once, by main.
void watch_for_interruption();

/// Whether a signal has asked the run to stop. From any thread.
[[nodiscard]] bool is_interrupted() noexcept;

/// Stops here when a signal has asked for it. Called where stopping is safe: between steps, between blocks of long
/// work.
/// @throws Error interrupted naming the signal
void stop_if_interrupted();

/// While it lives nothing stops: taking back what was done has to run to its end. Nests.
class Uninterruptible {
public:
    Uninterruptible() noexcept;
    Uninterruptible(const Uninterruptible&) = delete;
    Uninterruptible& operator=(const Uninterruptible&) = delete;
    ~Uninterruptible();
};

}  // namespace overdrive
