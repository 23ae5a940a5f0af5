#pragma once

#include <functional>
#include <optional>
#include <string>

#include "store/store.hpp"
#include "transaction/step.hpp"

namespace overdrive {

/// Fills a staging tree with a generation: fetched from a source, copied out of an image, or taken over from a
/// container.
class FillStaging final : public Step {
public:
    /// Fills the tree, which is verified on return, and says what it is. May throw: the tree is discarded.
    using Fill = std::function<GenerationInfo(const Staging& staging)>;

    /// How a tree comes to be.
    struct Means {
        Fill fill;                           ///< empty: nothing is to be filled
        std::function<void()> look;          ///< may refuse before anything is written; may be empty
        std::optional<std::string> adopted;  ///< id of a tree that another process left; nullopt: a new one
    };

    FillStaging(Store& store, std::string name, Means means);

    [[nodiscard]] std::string_view id() const override { return "fill-staging"; }
    [[nodiscard]] std::string_view name() const override { return name_; }
    void prepare() override {
        if (means_.look) means_.look();
    }
    bool apply() override;
    void undo() override { staging_.reset(); }

    /// @pre applied
    [[nodiscard]] const GenerationInfo& generation() const { return info_.value(); }
    /// The tree, once. @pre applied
    [[nodiscard]] Staging take();

private:
    Store& store_;
    std::string name_;
    Means means_;
    std::optional<Staging> staging_;
    std::optional<GenerationInfo> info_;
};

}  // namespace overdrive
