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

    [[nodiscard]] std::string_view id() const override { return "point-current"; }
    [[nodiscard]] std::string_view name() const override { return name_; }
    /// Refuses what is no link. A link that leads nowhere is pointed anew.
    void prepare() override;
    bool apply() override;
    void undo() override;

private:
    Store& store_;
    Pair target_;
    std::string name_;
    std::optional<std::string> previous_;  ///< the link as it was, wherever it led
};

}  // namespace overdrive
