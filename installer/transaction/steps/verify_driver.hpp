#pragma once

#include <functional>
#include <string>

#include "model/config.hpp"
#include "model/driver_manifest.hpp"
#include "model/host_facts.hpp"
#include "ports/device_nodes.hpp"
#include "ports/process_runner.hpp"
#include "transaction/step.hpp"

namespace overdrive {

/// Checks that the driver that is loaded is the wanted one: /sys and /proc say so, the nodes exist, nvidia-smi by
/// policy.
class VerifyDriver final : public Step {
public:
    VerifyDriver(std::function<HostFacts()> read_facts, DeviceNodes& nodes, ProcessRunner& processes,
                 const DriverManifest& manifest, std::string generation, SmiPolicy smi);

    [[nodiscard]] std::string_view id() const override { return "verify-driver"; }
    [[nodiscard]] std::string_view name() const override { return "verify the driver"; }
    void prepare() override {}
    bool apply() override;
    void undo() override {}

private:
    void check_modules() const;
    void check_nvidia_smi() const;

    std::function<HostFacts()> read_facts_;
    DeviceNodes& nodes_;
    ProcessRunner& processes_;
    const DriverManifest& manifest_;
    std::string generation_;
    SmiPolicy smi_;
};

}  // namespace overdrive
