#include "transaction/steps/point_current.hpp"

namespace overdrive {

PointCurrent::PointCurrent(Store& store, Pair target)
    : store_{store}, target_{std::move(target)}, name_{"point 'current' at " + target_.path()} {}

void PointCurrent::prepare() { previous_ = store_.read_current(); }

bool PointCurrent::apply() {
    if (previous_ == target_) return false;
    store_.point_current(target_);
    return true;
}

void PointCurrent::undo() {
    if (previous_ == target_) return;
    if (previous_) {
        store_.point_current(*previous_);
    } else {
        store_.remove_current();
    }
}

}  // namespace overdrive
