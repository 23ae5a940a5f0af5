#include "model/completeness.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kModules = "lib/modules/";
constexpr std::string_view kFirmware = "lib/firmware/";
constexpr std::string_view kLibraries = "lib64/";

[[noreturn]] void incomplete(std::string message) { throw Error{Errc::incomplete_artifact, std::move(message)}; }

bool is_listed(const DriverManifest& manifest, std::string_view path) {
    const auto spec = std::lower_bound(manifest.files.begin(), manifest.files.end(), path,
                                       [](const FileSpec& file, std::string_view name) { return file.path < name; });
    return spec != manifest.files.end() && spec->path == path;
}

void require_listed(const DriverManifest& manifest, const std::string& path, std::string_view named_by) {
    if (!is_listed(manifest, path)) incomplete(fmt::format("'{}' is missing, {} names it", path, named_by));
}

void require_modules(const DriverManifest& manifest) {
    const std::string directory = fmt::format("{}{}/", kModules, manifest.kernel_release);
    for (const ModuleSpec& module : manifest.modules) {
        if (!module.path.starts_with(directory)) {
            incomplete(fmt::format("module '{}' is not for kernel {}", module.path, manifest.kernel_release));
        }
        require_listed(manifest, module.path, "driver.json");
    }
    const bool has_nvidia = std::any_of(manifest.modules.begin(), manifest.modules.end(),
                                        [](const ModuleSpec& module) { return module.name == "nvidia"; });
    if (!has_nvidia) incomplete("driver.json has no module 'nvidia'");
}

/// Whether two versions are equal as far as both go: a library may say less than the driver.
bool agree(std::string_view left, std::string_view right) {
    while (!left.empty() && !right.empty()) {
        const std::string_view left_part = left.substr(0, left.find('.'));
        const std::string_view right_part = right.substr(0, right.find('.'));
        if (left_part != right_part) return false;
        left.remove_prefix(std::min(left.size(), left_part.size() + 1));
        right.remove_prefix(std::min(right.size(), right_part.size() + 1));
    }
    return true;
}

void require_files_fit(const DriverManifest& manifest) {
    const std::string directory = fmt::format("{}{}/", kModules, manifest.kernel_release);
    for (const FileSpec& file : manifest.files) {
        const std::string_view path = file.path;
        if (path.starts_with(kModules) && !path.starts_with(directory))
            incomplete(fmt::format("'{}' is not for kernel {}", path, manifest.kernel_release));
        if (file.is_link() || !path.starts_with(kLibraries)) continue;
        const std::string_view version = driver_version_of_library(path.substr(path.rfind('/') + 1));
        if (!agree(version, manifest.driver_version))
            incomplete(fmt::format("'{}' is of driver {}, not of {}", path, version, manifest.driver_version));
    }
}

std::string_view without_blanks_behind(std::string_view text) {
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

}  // namespace

std::string_view driver_version_of_library(std::string_view file_name) noexcept {
    constexpr std::size_t kBranchDigits = 3;
    const std::size_t so = file_name.find(".so.");
    if (so == std::string_view::npos) return {};
    const std::string_view version = file_name.substr(so + 4);
    const bool is_numbers =
        std::all_of(version.begin(), version.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
    const std::size_t dot = version.find('.');
    return is_numbers && dot == kBranchDigits ? version : std::string_view{};
}

void require_complete(const DriverManifest& manifest) {
    require_modules(manifest);
    for (const std::string& firmware : manifest.firmware)
        require_listed(manifest, fmt::format("{}{}", kFirmware, firmware), "driver.json");
    require_files_fit(manifest);
}

void require_as_described(const DriverManifest& manifest, const ModuleSpec& module,
                          const ModuleDescription& description) {
    if (without_blanks_behind(description.vermagic) != without_blanks_behind(manifest.vermagic)) {
        incomplete(fmt::format("vermagic mismatch: '{}' was built for '{}', driver.json says '{}'", module.path,
                               description.vermagic, manifest.vermagic));
    }
    if (description.version != module.version) {
        incomplete(fmt::format("'{}' is of version '{}', driver.json says '{}'", module.path, description.version,
                               module.version));
    }
    for (const std::string& firmware : description.firmware)
        require_listed(manifest, fmt::format("{}{}", kFirmware, firmware), fmt::format("module '{}'", module.name));
}

}  // namespace overdrive
