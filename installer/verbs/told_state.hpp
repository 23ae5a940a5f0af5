#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "model/driver_state.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What /run/overdrive/status.json tells others: how the driver was after the last run that changed or checked it.
struct ToldState {
    std::string state;    ///< `ready`, `no-device`, `degraded`
    std::string because;  ///< `modules`, ...; empty unless degraded
    std::string why;      ///< one sentence; empty when ready
    std::optional<std::string> driver;
    std::optional<std::string> os_key;
    std::string kernel_release;
    std::string boot_id;
    std::optional<std::string> failure;  ///< what the last activation of this boot failed with
    std::optional<std::string> reason;   ///< its reason code
    std::chrono::seconds updated_at{0};  ///< wall clock

    [[nodiscard]] std::string to_json() const;
    /// `550.163.01/4081.2.1`, or empty when no driver is current.
    [[nodiscard]] std::string generation() const;
    /// `ready`, `degraded: <why>`
    [[nodiscard]] std::string text() const;
    /// Whether a driver works, or none is needed. @see DriverState::usable
    [[nodiscard]] bool usable() const;
    /// Whether it is something else than `before` for those who listen: another word, reason or generation.
    [[nodiscard]] bool is_change_of(const ToldState& before) const;
};

/// What a file in the format of status.json tells; nullopt when it is not there or from a program that is not
/// understood, which tells nothing.
[[nodiscard]] std::optional<ToldState> read_told_state(const Root& root, const char* path);

}  // namespace overdrive
