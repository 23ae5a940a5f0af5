#include "model/unload_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace overdrive {

namespace {

/// In the order in which they go where nothing else decides.
constexpr std::array<std::string_view, 7> kFamily{"nvidia_drm", "nvidia_modeset",   "nvidia_uvm", "nvidia_peermem",
                                                  "nvidia_fs",  "nvidia_vgpu_vfio", "nvidia"};
constexpr std::array<std::string_view, 3> kRivals{"nouveau", "nova_core", "nova_drm"};

std::size_t rank(std::string_view name) {
    return static_cast<std::size_t>(std::find(kFamily.begin(), kFamily.end(), name) - kFamily.begin());
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// Users before what they use; among those that nobody uses any more, by rank.
std::vector<std::string> unload_order(std::vector<const LoadedModule*> left) {
    std::stable_sort(left.begin(), left.end(),
                     [](const LoadedModule* a, const LoadedModule* b) { return rank(a->name) < rank(b->name); });
    std::vector<std::string> order;
    while (!left.empty()) {
        auto next = std::find_if(left.begin(), left.end(), [&](const LoadedModule* module) {
            return std::none_of(left.begin(), left.end(),
                                [&](const LoadedModule* other) { return contains(module->users, other->name); });
        });
        if (next == left.end()) next = left.begin();  // a circle cannot be; the kernel will refuse what it must
        order.push_back((*next)->name);
        left.erase(next);
    }
    return order;
}

}  // namespace

bool is_family_module(std::string_view kernel_name) noexcept {
    return std::find(kFamily.begin(), kFamily.end(), kernel_name) != kFamily.end();
}

bool is_rival_module(std::string_view kernel_name) noexcept {
    return std::find(kRivals.begin(), kRivals.end(), kernel_name) != kRivals.end();
}

UnloadPlan plan_unload(const HostFacts& facts) {
    UnloadPlan plan;
    std::vector<const LoadedModule*> family;
    for (const LoadedModule& module : facts.modules) {
        if (is_rival_module(module.name)) plan.rivals.push_back(module.name);
        if (!is_family_module(module.name)) continue;
        family.push_back(&module);
        for (const std::string& user : module.users) {
            if (!is_family_module(user)) plan.foreign_users.push_back({module.name, user});
        }
        const auto users = static_cast<unsigned>(module.users.size());
        if (module.refcount > users) plan.open_references.push_back({module.name, module.refcount - users});
    }
    plan.order = unload_order(std::move(family));
    return plan;
}

std::string describe_blockers(const UnloadPlan& plan) {
    std::vector<std::string> parts;
    for (const auto& [module, user] : plan.foreign_users) parts.push_back(fmt::format("{} uses {}", user, module));
    for (const auto& [module, count] : plan.open_references)
        parts.push_back(fmt::format("{} has {} open reference{}", module, count, count == 1 ? "" : "s"));
    return fmt::format("{}", fmt::join(parts, ", "));
}

HostFacts after_unload(HostFacts facts) {
    std::erase_if(facts.modules, [](const LoadedModule& module) { return is_family_module(module.name); });
    facts.driver_version.reset();
    for (GpuFunction& gpu : facts.gpus) {
        if (gpu.driver == "nvidia") gpu.driver.clear();
    }
    return facts;
}

bool is_loaded_from(const HostFacts& facts, const DriverManifest& manifest, std::string_view generation) {
    if (facts.driver_version != manifest.driver_version || facts.kernel_release != manifest.kernel_release)
        return false;
    constexpr std::string_view kOurs = "/opt/nvidia/";
    const bool firmware_tells = !manifest.firmware.empty() && facts.firmware_path.starts_with(kOurs);
    if (firmware_tells && facts.firmware_path != fmt::format("{}/lib/firmware", generation)) return false;
    return std::all_of(manifest.modules.begin(), manifest.modules.end(), [&](const ModuleSpec& module) {
        const LoadedModule* const loaded = facts.loaded(module.name);
        return loaded == nullptr || loaded->version == module.version;
    });
}

}  // namespace overdrive
