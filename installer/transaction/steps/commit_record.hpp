#pragma once

#include <functional>
#include <optional>

#include "store/store.hpp"
#include "transaction/step.hpp"

namespace overdrive {

/// Writes the record: its rename is the commit point of an install.
class CommitRecord final : public Step {
public:
    /// @param change makes the new record of the one before
    CommitRecord(Store& store, std::function<void(Record&)> change);

    [[nodiscard]] std::string_view id() const override { return "commit-record"; }
    [[nodiscard]] std::string_view name() const override { return "commit the record"; }
    /// Refuses a record of a newer program. A damaged one is replaced: the generations speak for themselves.
    void prepare() override;
    bool apply() override;
    void undo() override;

private:
    Store& store_;
    std::function<void(Record&)> change_;
    std::optional<Record> before_;  ///< nullopt: there was none that could be read
};

}  // namespace overdrive
