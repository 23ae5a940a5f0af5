#pragma once

#include <optional>
#include <string>

#include "model/pair.hpp"
#include "store/store.hpp"
#include "transaction/step.hpp"

namespace overdrive {

/// Points `current` at a generation, by rename.
class PointCurrent final : public Step {
public:
    PointCurrent(Store& store, Pair target);

    [[nodiscard]] std::string_view name() const override { return name_; }
    void prepare() override;
    bool apply() override;
    void undo() override;

private:
    Store& store_;
    Pair target_;
    std::string name_;
    std::optional<Pair> previous_;
};

}  // namespace overdrive
