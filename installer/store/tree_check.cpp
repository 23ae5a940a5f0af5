#include "store/tree_check.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

namespace overdrive {

namespace {

[[noreturn]] void incomplete(std::string_view path, std::string_view why) {
    throw Error{Errc::incomplete_artifact, fmt::format("'{}' {}", path, why)};
}

void check_link(const Root& root, const std::string& place, const FileSpec& spec, const struct stat& status) {
    if (!S_ISLNK(status.st_mode)) incomplete(spec.path, "is no link, driver.json says it is");
    const auto target = root.read_link(place);
    if (target != spec.link_target) {
        throw Error{Errc::digest_mismatch, fmt::format("'{}' links to '{}', driver.json says '{}'", spec.path,
                                                       target.value_or(""), spec.link_target)};
    }
}

void check_file(const FileSpec& spec, const struct stat& status) {
    if (!S_ISREG(status.st_mode)) incomplete(spec.path, "is no regular file");
    if (static_cast<std::uint64_t>(status.st_size) != spec.size) {
        throw Error{Errc::digest_mismatch,
                    fmt::format("'{}' has {} bytes, driver.json says {}", spec.path, status.st_size, spec.size)};
    }
    if ((status.st_mode & 07777U) != spec.mode) {
        incomplete(spec.path,
                   fmt::format("has mode {:04o}, driver.json says {:04o}", status.st_mode & 07777U, spec.mode));
    }
}

/// All files and links below `directory`; an empty directory counts as an entry of its own.
void collect(const Root& root, const std::string& directory, const std::string& below, std::vector<std::string>& out) {
    const std::vector<std::string> names = root.list(directory);
    if (names.empty()) out.push_back(below);
    for (const std::string& name : names) {
        const std::string path = below.empty() ? name : fmt::format("{}/{}", below, name);
        const std::string place = fmt::format("{}/{}", directory, name);
        const auto status = root.link_status(place);
        if (status && S_ISDIR(status->st_mode))
            collect(root, place, path, out);
        else
            out.push_back(path);
    }
}

}  // namespace

void check_tree(const Root& root, const std::string& directory, const DriverManifest& manifest) {
    for (const FileSpec& spec : manifest.files) {
        const std::string place = directory + "/" + spec.path;
        const auto status = root.link_status(place);
        if (!status) incomplete(spec.path, "is missing, driver.json lists it");
        if (spec.is_link())
            check_link(root, place, spec, *status);
        else
            check_file(spec, *status);
    }
    std::vector<std::string> there;
    collect(root, directory, "", there);
    for (const std::string& path : there) {
        if (path == kDriverJson || path == kDriverJsonSignature) continue;
        const auto spec =
            std::lower_bound(manifest.files.begin(), manifest.files.end(), path,
                             [](const FileSpec& file, const std::string& name) { return file.path < name; });
        if (spec == manifest.files.end() || spec->path != path)
            incomplete(path, "is there, driver.json does not list it");
    }
}

void check_module_files(ModuleLoader& modules, const std::string& directory, const DriverManifest& manifest) {
    for (const ModuleSpec& module : manifest.modules)
        require_as_described(manifest, module, modules.describe(fmt::format("{}/{}", directory, module.path)));
}

}  // namespace overdrive
