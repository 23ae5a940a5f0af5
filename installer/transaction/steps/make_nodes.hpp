#pragma once

#include <vector>

#include "ports/device_nodes.hpp"
#include "transaction/step.hpp"

namespace overdrive {

/// Makes the device nodes and their /dev/char links.
class MakeNodes final : public Step {
public:
    MakeNodes(DeviceNodes& nodes, const std::vector<DeviceNodeSpec>& specs) : nodes_{nodes}, specs_{specs} {}

    [[nodiscard]] std::string_view id() const override { return "make-nodes"; }
    [[nodiscard]] std::string_view name() const override { return "make device nodes"; }
    void prepare() override {}
    bool apply() override {
        changed_ = !nodes_.ensure(specs_).empty();
        return changed_;
    }
    void undo() override {
        if (changed_) nodes_.remove(specs_);
    }

private:
    DeviceNodes& nodes_;
    const std::vector<DeviceNodeSpec>& specs_;
    bool changed_ = true;  // a failed `ensure` may have made some
};

}  // namespace overdrive
