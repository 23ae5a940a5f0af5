#pragma once

#include <string>
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
        missing_ = nodes_.missing(specs_);  // only now: without the modules a device has no number, and is no miss
        return !nodes_.ensure(specs_).empty();
    }
    /// A driver that was in force before keeps its nodes: programs may hold them open.
    void undo() override { nodes_.take_back(missing_); }

private:
    DeviceNodes& nodes_;
    const std::vector<DeviceNodeSpec>& specs_;
    std::vector<std::string> missing_;
};

}  // namespace overdrive
