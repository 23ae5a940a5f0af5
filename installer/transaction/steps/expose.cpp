#include "transaction/steps/expose.hpp"

namespace overdrive {

Expose::Expose(Exposure& exposure, ExposurePlan plan, std::optional<ExposurePlan> previous)
    : exposure_{exposure}, plan_{std::move(plan)}, previous_{std::move(previous)} {}

bool Expose::apply() {
    if (exposure_.inspect(plan_) == Exposure::State::healthy) return false;
    changed_ = true;
    exposure_.apply(plan_);
    return true;
}

void Expose::undo() {
    if (!changed_) return;
    if (previous_) {
        exposure_.apply(*previous_);
    } else {
        exposure_.remove();
    }
}

}  // namespace overdrive
