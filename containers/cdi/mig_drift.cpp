#include "cdi/mig_drift.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "cdi/proc_gpus.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kCapability = "/dev/nvidia-caps/nvidia-cap";

void add_capabilities(const CdiEdits& edits, std::set<std::string>& nodes) {
    for (const CdiDeviceNode& node : edits.device_nodes) {
        if (node.path.starts_with(kCapability)) nodes.insert(node.path);
    }
}

bool has_instances(const GpuInventory& inventory) {
    return std::any_of(inventory.gpus.begin(), inventory.gpus.end(),
                       [](const GpuDevice& gpu) { return !gpu.instances.empty(); });
}

}  // namespace

bool has_mig_drift(const CdiSpec& spec, const DriverTree& proc) {
    std::set<std::string> given;
    add_capabilities(spec.edits, given);
    for (const CdiDevice& device : spec.devices) add_capabilities(device.edits, given);
    std::set<std::string> there;
    const GpuInventory inventory = read_proc_gpus(proc);
    const auto minors = has_instances(inventory) ? read_mig_minors(proc) : std::map<std::string, unsigned>{};
    const auto add = [&](const std::string& capability) {
        const auto found = minors.find(capability);
        if (found != minors.end()) there.insert(fmt::format("{}{}", kCapability, found->second));
    };
    for (const GpuDevice& gpu : inventory.gpus) {
        for (const MigInstance& instance : gpu.instances) {
            add(fmt::format("gpu{}/gi{}/access", gpu.minor_number, instance.gpu_instance));
            add(fmt::format("gpu{}/gi{}/ci{}/access", gpu.minor_number, instance.gpu_instance,
                            instance.compute_instance));
        }
    }
    return given != there;
}

}  // namespace overdrive
