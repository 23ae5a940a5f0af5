#include "transaction/steps/point_current.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

namespace overdrive {

PointCurrent::PointCurrent(Store& store, Pair target)
    : store_{store}, target_{std::move(target)}, name_{"point 'current' at " + target_.path()} {}

void PointCurrent::prepare() {
    const auto there = store_.root().link_status(store_.current_path());
    if (there && !S_ISLNK(there->st_mode)) {
        throw Error{Errc::bad_record, fmt::format("'{}' is no link, so it is not ours", store_.current_path())}
            .with_remedy("move it away, then try again");
    }
    previous_ = store_.root().read_link(store_.current_path());
}

bool PointCurrent::apply() {
    if (previous_ == target_.path()) return false;
    store_.point_current(target_);
    return true;
}

void PointCurrent::undo() {
    if (store_.root().read_link(store_.current_path()) == previous_) return;
    if (previous_) {
        store_.root().replace_link(store_.current_path(), *previous_);
    } else {
        store_.remove_current();
    }
}

}  // namespace overdrive
