#pragma once

namespace overdrive {

/// Keeps the host from being rebooted as long as it lives: a lock of logind.
/// @see org.freedesktop.login1(5), Inhibit()
class RebootHold {
public:
    RebootHold() = default;
    RebootHold(const RebootHold&) = delete;
    RebootHold& operator=(const RebootHold&) = delete;
    virtual ~RebootHold() = default;
};

}  // namespace overdrive
