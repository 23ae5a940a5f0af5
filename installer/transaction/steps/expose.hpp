#pragma once

#include <optional>

#include "ports/exposure.hpp"
#include "transaction/step.hpp"

namespace overdrive {

/// Makes the generation's libraries and programs visible.
class Expose final : public Step {
public:
    /// @param previous what was in force before, put back by undo; nullopt when nothing was
    Expose(Exposure& exposure, ExposurePlan plan, std::optional<ExposurePlan> previous);

    [[nodiscard]] std::string_view id() const override { return "expose"; }
    [[nodiscard]] std::string_view name() const override { return "expose libraries and programs"; }
    void prepare() override {}
    bool apply() override;
    void undo() override;

private:
    Exposure& exposure_;
    ExposurePlan plan_;
    std::optional<ExposurePlan> previous_;
    bool changed_ = false;
};

}  // namespace overdrive
