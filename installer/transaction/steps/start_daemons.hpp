#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "transaction/steps/stop_daemons.hpp"

namespace overdrive {

/// Starts again, with the new driver, what StopDaemons has stopped. A daemon that does not start is a warning: the
/// driver works without it. Undo stops those it started, so that they do not hold a driver that is being taken back.
class StartDaemons final : public Step {
public:
    /// @param stopped in the order in which they were stopped
    StartDaemons(UnitManager& manager, std::vector<std::string> stopped, Jobs jobs);

    [[nodiscard]] std::string_view id() const override { return "start-daemons"; }
    [[nodiscard]] std::string_view name() const override { return "start the driver's daemons"; }
    void prepare() override {}
    bool apply() override;
    void undo() override;

private:
    void start(const std::string& unit);

    UnitManager& manager_;
    std::vector<std::string> stopped_;
    Jobs jobs_;
    std::vector<std::string> started_;
    bool changed_ = false;
};

}  // namespace overdrive
