#include "transaction/steps/load_modules.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace overdrive {

bool is_ours_or_unset(std::string_view firmware_path) noexcept {
    return firmware_path.empty() || firmware_path.starts_with("/opt/nvidia/");
}

void set_firmware_path(const Root& root, std::string_view path) {
    const UniqueFd parameter = root.open(kFirmwarePathParameter, O_WRONLY);
    // A write of no bytes never reaches the kernel; a NUL does, and is an empty string there.
    write_all(parameter.get(), path.empty() ? std::string_view{"\0", 1} : path, kFirmwarePathParameter);
}

LoadModules::LoadModules(const Root& root, ModuleLoader& loader, const HostFacts& facts, const DriverManifest& manifest,
                         std::string generation)
    : root_{root}, loader_{loader}, facts_{facts}, manifest_{manifest}, generation_{std::move(generation)} {}

void LoadModules::prepare() {
    for (const ModuleSpec& module : manifest_.modules) {
        if (!module.autoload || facts_.loaded(module.name) != nullptr) continue;
        const std::string path = fmt::format("{}/{}", generation_, module.path);
        const std::string vermagic = loader_.vermagic(path);
        if (vermagic.substr(0, vermagic.find(' ')) != facts_.kernel_release) {
            throw Error{Errc::module_load, fmt::format("'{}' is built for kernel '{}', this is {}", path,
                                                       vermagic.substr(0, vermagic.find(' ')), facts_.kernel_release)};
        }
    }
    if (!is_ours_or_unset(facts_.firmware_path) && !manifest_.firmware.empty()) {
        spdlog::warn("the kernel's firmware path is '{}' and is left alone; GSP firmware must be there",
                     facts_.firmware_path);
    }
}

bool LoadModules::apply() {
    point_firmware();
    const bool all_loaded = std::all_of(
        manifest_.modules.begin(), manifest_.modules.end(),
        [&](const ModuleSpec& module) { return !module.autoload || facts_.loaded(module.name) != nullptr; });
    if (all_loaded) return firmware_changed_;
    for (const std::string& name : manifest_.prerequisites) loader_.load_prerequisite(name);
    for (const ModuleSpec& module : manifest_.modules) {
        if (module.autoload) load(module);
    }
    return !loaded_.empty();
}

void LoadModules::point_firmware() {
    const std::string wanted = generation_ + "/lib/firmware";
    if (manifest_.firmware.empty() || !is_ours_or_unset(facts_.firmware_path) || facts_.firmware_path == wanted) return;
    set_firmware_path(root_, wanted);
    firmware_changed_ = true;
}

void LoadModules::load(const ModuleSpec& module) {
    if (facts_.loaded(module.name) != nullptr) return;
    try {
        const auto outcome = loader_.load(fmt::format("{}/{}", generation_, module.path), module.parameters);
        if (outcome == ModuleLoader::Outcome::no_device) {
            throw Error{Errc::module_load,
                        fmt::format("the kernel says 'No such device' to {} although a GPU is present", module.name)}
                .with_remedy("'dmesg | grep NVRM' says why the driver refuses this GPU");
        }
        if (outcome == ModuleLoader::Outcome::loaded) loaded_.push_back(module.name);
    } catch (const Error& error) {
        if (module.required) throw;
        spdlog::warn("ignoring that {} could not be loaded: {}", module.name, error.what());
    }
}

void LoadModules::undo() {
    std::for_each(loaded_.rbegin(), loaded_.rend(), [&](const std::string& name) { loader_.unload(name); });
    loaded_.clear();
    if (firmware_changed_) set_firmware_path(root_, facts_.firmware_path);
}

}  // namespace overdrive
