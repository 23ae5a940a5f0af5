#include "transaction/steps/commit_record.hpp"

#include <utility>

namespace overdrive {

CommitRecord::CommitRecord(Store& store, std::function<void(Record&)> change)
    : store_{store}, change_{std::move(change)} {}

void CommitRecord::prepare() { before_ = store_.load_usable_record(); }

bool CommitRecord::apply() {
    Record record = before_.value_or(Record{});
    change_(record);
    if (before_ == record) return false;
    store_.save_record(record);
    return true;
}

void CommitRecord::undo() {
    if (store_.load_usable_record() == before_) return;  // it was never renamed
    if (before_) {
        store_.save_record(*before_);
    } else {
        store_.remove_record();
    }
}

}  // namespace overdrive
