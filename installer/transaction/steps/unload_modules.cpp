#include "transaction/steps/unload_modules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "support/error.hpp"
#include "transaction/steps/load_modules.hpp"

namespace overdrive {

namespace {

using namespace std::chrono_literals;

/// A daemon has ended before the last of its device files is closed for good.
constexpr auto kSettleLimit = 5s;
constexpr auto kLookAgain = 100ms;

std::string driver_text(const HostFacts& facts) {
    return facts.driver_version ? fmt::format("driver {}", *facts.driver_version) : std::string{"the loaded driver"};
}

std::string version_of(const HostFacts& facts, const std::string& module) {
    const LoadedModule* const loaded = facts.loaded(module);
    return loaded == nullptr ? std::string{} : loaded->version;
}

const ModuleSpec* find_spec(const DriverManifest& manifest, const std::string& module) {
    const auto found = std::find_if(manifest.modules.begin(), manifest.modules.end(),
                                    [&](const ModuleSpec& spec) { return kernel_spelling(spec.name) == module; });
    return found == manifest.modules.end() ? nullptr : &*found;
}

}  // namespace

UnloadModules::UnloadModules(Ports ports, std::optional<LoadedDriver> old, std::vector<std::string> stopping)
    : ports_{std::move(ports)}, old_{std::move(old)}, stopping_{std::move(stopping)} {}

std::vector<DeviceHolder> UnloadModules::other_holders(bool& only_daemons) const {
    std::vector<DeviceHolder> holders = ports_.holders.find();
    const std::size_t all = holders.size();
    std::erase_if(holders, [&](const DeviceHolder& holder) {
        return std::find(stopping_.begin(), stopping_.end(), holder.unit) != stopping_.end();
    });
    only_daemons = all > 0 && holders.empty();
    return holders;
}

Error UnloadModules::busy(const UnloadPlan& plan, const std::vector<DeviceHolder>& holders) const {
    std::string text = fmt::format("{} is in use", driver_text(before_));
    if (!holders.empty()) text += " by " + to_text(holders);
    const std::string blockers = describe_blockers(plan);
    if (!blockers.empty()) text += ": " + blockers;
    std::string remedy = "stop what is named here (on a Kubernetes node: 'kubectl drain' it), then try again";
    const std::vector<KernelUse> kernel = ports_.holders.find_in_kernel();
    for (const KernelUse& use : kernel) {
        text += fmt::format("; {}: {}", use.module, use.what);
        if (!use.remedy.empty()) remedy = fmt::format("{}; {}", use.remedy, remedy);
    }
    if (holders.empty() && kernel.empty() && !plan.open_references.empty())
        text += ", and no process explains them: a console or display, or another part of the kernel";
    return Error{Errc::module_busy, std::move(text)}.with_remedy(std::move(remedy));
}

void UnloadModules::prepare() {
    before_ = ports_.read_facts();
    UnloadPlan plan = plan_unload(before_);
    bool only_daemons = false;
    const std::vector<DeviceHolder> holders = other_holders(only_daemons);
    // Apply looks again, when they have been stopped. What the kernel itself holds does not go with them.
    if (only_daemons && ports_.holders.find_in_kernel().empty()) plan.open_references.clear();
    if (!holders.empty() || !plan.is_free()) throw busy(plan, holders);
    if (!old_ && !plan.order.empty()) {
        spdlog::warn(
            "{} came from no installed generation; if its successor fails, it comes back only from the host's "
            "own modules",
            driver_text(before_));
    }
    if (!plan.rivals.empty())
        spdlog::warn("{} is loaded beside the driver and may take its GPUs", fmt::join(plan.rivals, ", "));
}

UnloadPlan UnloadModules::wait_until_free() {
    const auto deadline = ports_.clock.steady() + kSettleLimit;
    while (true) {
        before_ = ports_.read_facts();
        UnloadPlan plan = plan_unload(before_);
        if (plan.is_free()) return plan;
        if (stopping_.empty() || ports_.clock.steady() >= deadline) throw busy(plan, ports_.holders.find());
        ports_.clock.sleep(kLookAgain);
    }
}

bool UnloadModules::apply() {
    order_ = wait_until_free().order;
    for (const std::string& module : order_) {
        try {
            ports_.modules.unload(module);
        } catch (const Error& error) {
            if (error.code() != Errc::module_busy) throw;
            throw busy(plan_unload(ports_.read_facts()), ports_.holders.find());  // somebody came meanwhile
        }
    }
    return !order_.empty();
}

void UnloadModules::restore_firmware_path() const {
    const std::string now = ports_.read_facts().firmware_path;
    if (now != before_.firmware_path && is_ours_or_unset(now)) set_firmware_path(ports_.root, before_.firmware_path);
}

void UnloadModules::load_back(const std::string& module) const {
    const std::string version = version_of(before_, module);
    if (ports_.read_facts().loaded(module) == nullptr) {
        const ModuleSpec* const spec = old_ ? find_spec(old_->manifest, module) : nullptr;
        const auto outcome =
            spec != nullptr ? ports_.modules.load(fmt::format("{}/{}", old_->generation, spec->path), spec->parameters)
                            : ports_.modules.load_prerequisite(module);
        if (outcome == ModuleLoader::Outcome::not_available)
            throw Error{Errc::module_load, fmt::format("{} came from no generation and is not the host's", module)};
        if (outcome == ModuleLoader::Outcome::no_device)
            throw Error{Errc::module_load, fmt::format("the kernel says 'No such device' to {}", module)};
    }
    const std::string now = version_of(ports_.read_facts(), module);
    if (now != version)
        throw Error{Errc::module_load, fmt::format("{} is loaded in version '{}', it was '{}'", module, now, version)};
}

void UnloadModules::undo() {
    if (order_.empty()) return;
    std::vector<std::string> problems;
    const auto attempt = [&](const auto& body) {
        try {
            body();
        } catch (const Error& error) {
            problems.emplace_back(error.what());
        }
    };
    attempt([&] { restore_firmware_path(); });
    std::for_each(order_.rbegin(), order_.rend(), [&](const auto& module) { attempt([&] { load_back(module); }); });
    // Majors are given out anew on loading, and a later step may have made or removed nodes for its own driver.
    attempt([&] { ports_.nodes.ensure(old_ ? old_->manifest.device_nodes : std::vector<DeviceNodeSpec>{}); });
    order_.clear();
    if (problems.empty()) return;
    throw Error{Errc::module_load,
                fmt::format("{} is not back as it was: {}", driver_text(before_), fmt::join(problems, "; "))};
}

}  // namespace overdrive
