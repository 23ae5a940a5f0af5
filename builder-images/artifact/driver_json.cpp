#include "builder-images/artifact/driver_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "support/error.hpp"

namespace overdrive {

namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 5> kUserSpaceTops{"bin", "etc", "lib", "lib64", "usr"};

std::string_view top_of(std::string_view path) { return path.substr(0, path.find('/')); }

/// Fails for a member of `given` that `known`, the same document written by the model, does not have.
void refuse_unknown_fields(const json& given, const json& known, const std::string& place) {
    if (given.is_object() && known.is_object()) {
        for (const auto& [name, value] : given.items()) {
            const std::string inner = place.empty() ? name : fmt::format("{}.{}", place, name);
            if (!known.contains(name))
                throw Error{Errc::bad_manifest, fmt::format("describe.json: {} is not a field of driver.json", inner)};
            refuse_unknown_fields(value, known.at(name), inner);
        }
    } else if (given.is_array() && known.is_array()) {
        for (std::size_t i = 0; i < std::min(given.size(), known.size()); ++i)
            refuse_unknown_fields(given[i], known[i], fmt::format("{}[{}]", place, i));
    }
}

[[noreturn]] void misplaced(std::string_view layer, const TreeEntry& entry, std::string_view what) {
    throw Error{Errc::bad_archive, fmt::format("{}: '{}' {}", layer, entry.path, what)};
}

void check_user_space(const std::vector<TreeEntry>& entries) {
    for (const TreeEntry& entry : entries) {
        const std::string_view top = top_of(entry.path);
        if (std::find(kUserSpaceTops.begin(), kUserSpaceTops.end(), top) == kUserSpaceTops.end())
            misplaced("user space", entry, "does not belong there; only bin/, etc/, lib/, lib64/ and usr/ do");
        if (top == entry.path && entry.kind != TreeEntry::Kind::directory)
            misplaced("user space", entry, "is not a directory");
        if (entry.path == "lib/modules" || entry.path.starts_with("lib/modules/"))
            misplaced("user space", entry, "belongs to the modules tree: it differs from kernel to kernel");
    }
}

void check_modules(const std::vector<TreeEntry>& entries, const std::string& kernel_release) {
    const std::string place = "lib/modules/" + kernel_release;
    for (const TreeEntry& entry : entries) {
        const bool inside = entry.path.starts_with(place + "/");
        const bool above = entry.kind == TreeEntry::Kind::directory && (place + "/").starts_with(entry.path + "/");
        if (!inside && !above) misplaced("modules", entry, fmt::format("does not belong there; only {}/ does", place));
    }
}

/// Answers whether one of the trees has something at a path.
class Contents {
public:
    explicit Contents(const DriverTrees& trees) {
        for (const auto* entries : {&trees.user_space, &trees.modules})
            for (const TreeEntry& entry : *entries) paths_.insert(entry.path);
    }

    void require(const std::string& path, std::string_view why) const {
        if (!paths_.contains(path))
            throw Error{Errc::incomplete_artifact, fmt::format("'{}' is missing: {}", path, why)};
    }

private:
    std::set<std::string> paths_;
};

/// Whether `name` is that of a shared object or of one of its links: `libcuda.so`, `libcuda.so.1`.
bool is_shared_object(std::string_view name) {
    const std::size_t place = name.find(".so");
    return place != std::string_view::npos && place > 0 && (place + 3 == name.size() || name[place + 3] == '.');
}

std::vector<std::string> names_in(const std::vector<TreeEntry>& entries, std::string_view directory) {
    std::vector<std::string> names;
    for (const TreeEntry& entry : entries) {
        if (entry.kind == TreeEntry::Kind::directory || !entry.path.starts_with(directory)) continue;
        const std::string name = entry.path.substr(directory.size());
        if (name.find('/') == std::string::npos) names.push_back(name);
    }
    return names;
}

void add_files(DriverManifest& manifest, const std::vector<TreeEntry>& entries, LayerRole layer) {
    for (const TreeEntry& entry : entries) {
        if (entry.kind == TreeEntry::Kind::directory) continue;
        FileSpec file{.path = entry.path, .layer = layer, .sha256 = entry.sha256, .link_target = entry.link_target};
        if (entry.kind == TreeEntry::Kind::file) {
            file.mode = entry.mode;
            file.size = entry.size;
            file.verity = entry.verity;
        }
        manifest.size_bytes += file.size;
        manifest.files.push_back(std::move(file));
    }
}

std::uint64_t count_inodes(const DriverTrees& trees) {
    std::set<std::string> paths;
    for (const auto* entries : {&trees.user_space, &trees.modules})
        for (const TreeEntry& entry : *entries) paths.insert(entry.path);
    return paths.size() + 3;  // the generation's own directory, driver.json, driver.json.sig
}

}  // namespace

DriverManifest parse_description(std::string_view json_text) {
    try {
        DriverManifest description = DriverManifest::parse(json_text);
        refuse_unknown_fields(json::parse(json_text), json::parse(description.to_json()), "");
        return description;
    } catch (const json::exception& error) {
        throw Error{Errc::bad_manifest, fmt::format("describe.json: {}", error.what())};
    }
}

void check_trees(const DriverManifest& description, const DriverTrees& trees) {
    check_user_space(trees.user_space);
    check_modules(trees.modules, description.kernel_release);
    const Contents contents{trees};
    for (const ModuleSpec& module : description.modules)
        contents.require(module.path, fmt::format("describe.json names it as module {}", module.name));
    for (const std::string& firmware : description.firmware)
        contents.require("lib/firmware/" + firmware, "describe.json lists it as firmware");
    for (const DaemonSpec& daemon : description.daemons) {
        contents.require(daemon.program, fmt::format("describe.json names it as program of {}", daemon.name));
        if (!daemon.library_path.empty())
            contents.require(daemon.library_path,
                             fmt::format("describe.json names it as library path of {}", daemon.name));
    }
}

DriverManifest complete(DriverManifest description, const DriverTrees& trees, const Digest& user_space_layer) {
    DriverManifest manifest = std::move(description);
    manifest.size_bytes = 0;
    manifest.files.clear();
    add_files(manifest, trees.user_space, LayerRole::user_space);
    add_files(manifest, trees.modules, LayerRole::modules);
    std::sort(manifest.files.begin(), manifest.files.end(),
              [](const FileSpec& a, const FileSpec& b) { return a.path < b.path; });
    manifest.inodes = count_inodes(trees);
    manifest.programs = names_in(trees.user_space, "bin/");
    manifest.libraries = names_in(trees.user_space, "lib64/");
    std::erase_if(manifest.libraries, [](const std::string& name) { return !is_shared_object(name); });
    manifest.user_space_layer = user_space_layer;
    return manifest;
}

std::string to_checked_json(const DriverManifest& manifest) {
    std::string text = manifest.to_json();
    if (DriverManifest::parse(text).to_json() != text)
        throw Error{Errc::bad_manifest, "driver.json does not read back as it was written"};
    return text;
}

}  // namespace overdrive
