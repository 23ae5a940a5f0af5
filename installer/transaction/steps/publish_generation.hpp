#pragma once

#include <optional>
#include <string>

#include "store/store.hpp"
#include "transaction/step.hpp"
#include "transaction/steps/fill_staging.hpp"

namespace overdrive {

/// How the journal calls PublishGeneration: cut off in it, a tree may be there without its commit record.
constexpr std::string_view kPublishGenerationId = "publish-generation";

/// Gives the filled staging tree its final name.
class PublishGeneration final : public Step {
public:
    /// @param filled an earlier step of the same transaction; must outlive this one
    PublishGeneration(Store& store, FillStaging& filled, const Pair& pair);

    [[nodiscard]] std::string_view id() const override { return kPublishGenerationId; }
    [[nodiscard]] std::string_view name() const override { return name_; }
    void prepare() override {}
    bool apply() override;
    void undo() override;

private:
    Store& store_;
    FillStaging& filled_;
    Pair pair_;
    std::string name_;
};

}  // namespace overdrive
