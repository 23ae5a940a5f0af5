#include "verbs/foreign_units.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "support/sha256.hpp"

namespace overdrive {

namespace {

using Action = ForeignUnit::Action;
using Kind = FoundUnitFile::Kind;

constexpr std::size_t kMostUnitBytes = 1U << 20U;

/// @see systemd.unit(5), "Unit File Load Path", highest first; without the directories of generators and of systemctl
/// set-property, which hold nothing that somebody wrote.
std::vector<std::string> load_path(const Root& root) {
    std::vector<std::string> directories{std::string{kUnitDirectory}, "/run/systemd/system",
                                         "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"};
    const auto lib = root.link_status("/lib");
    if (lib && S_ISDIR(lib->st_mode)) directories.emplace_back("/lib/systemd/system");
    return directories;
}

bool is_file_or_link(const Root& root, const std::string& path) {
    const auto status = root.link_status(path);
    return status && (S_ISREG(status->st_mode) || S_ISLNK(status->st_mode));
}

void find_drop_ins(const Root& root, const std::string& directory, const std::string& unit,
                   std::vector<FoundUnitFile>& found) {
    const std::string place = fmt::format("{}/{}.d", directory, unit);
    for (const std::string& name : root.list(place)) {
        std::string path = fmt::format("{}/{}", place, name);
        if (name.ends_with(".conf") && is_file_or_link(root, path))
            found.push_back({unit, std::move(path), Kind::drop_in});
    }
}

void find_enablements(const Root& root, const std::vector<std::string>& units, std::vector<FoundUnitFile>& found) {
    for (const std::string& name : root.list(kUnitDirectory)) {
        if (!name.ends_with(".wants") && !name.ends_with(".requires")) continue;
        for (const std::string& unit : units) {
            std::string path = fmt::format("{}/{}/{}", kUnitDirectory, name, unit);
            if (is_file_or_link(root, path)) found.push_back({unit, std::move(path), Kind::enablement});
        }
    }
}

std::string aside_path(const ForeignUnit& foreign) { return fmt::format("{}{}", foreign.path, kAsideSuffix); }

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Whether what lies at `path` is what we put there, and not the foreign file that was there before.
bool is_ours(const Root& root, const Record& record, const std::string& path) {
    const auto owned = std::find_if(record.owned.begin(), record.owned.end(),
                                    [&](const OwnedPath& each) { return each.path == path; });
    if (owned == record.owned.end()) return false;
    const auto status = root.link_status(path);
    if (!status) return false;
    if (S_ISLNK(status->st_mode)) return owned->kind == "link" && root.read_link(path) == kMaskTarget;
    return S_ISREG(status->st_mode) && sha256_hex(root.read_file(path, kMostUnitBytes).value_or("")) == owned->sha256;
}

void put_aside(const Root& root, const Record& record, const ForeignUnit& foreign) {
    if (root.link_status(aside_path(foreign)) || !root.link_status(foreign.path)) return;
    if (is_ours(root, record, foreign.path)) return;
    root.rename(foreign.path, aside_path(foreign), false);
    root.sync_directory(foreign.path.substr(0, foreign.path.rfind('/')));
}

void mask(const Root& root, const ForeignUnit& foreign) {
    const std::string path = mask_path(foreign.path);
    if (root.link_status(path)) return;
    root.make_directories(path.substr(0, path.rfind('/')));
    root.replace_link(path, kMaskTarget);
}

/// Enables a unit again by the link that did: to the fragment that its name leads to now.
void enable_again(const Root& root, const ForeignUnit& foreign) {
    if (root.link_status(foreign.path)) return;
    for (const std::string& directory : load_path(root)) {
        const std::string fragment = fmt::format("{}/{}", directory, last_part(foreign.path));
        if (!is_file_or_link(root, fragment)) continue;
        root.make_directories(foreign.path.substr(0, foreign.path.rfind('/')));
        root.replace_link(foreign.path, fragment);
        return;
    }
}

}  // namespace

std::vector<std::string> unit_names(const std::vector<HostFile>& files) {
    std::vector<std::string> names;
    for (const HostFile& file : files) {
        const std::string_view path = file.path;
        if (!path.starts_with(kUnitDirectory)) continue;
        const std::string_view name = path.substr(kUnitDirectory.size() + 1);
        if (name.find('/') == std::string_view::npos) names.emplace_back(name);
    }
    return names;
}

std::vector<FoundUnitFile> find_unit_files(const Root& root, const std::vector<std::string>& units,
                                           const std::vector<std::string>& enabled) {
    std::vector<FoundUnitFile> found;
    for (const std::string& directory : load_path(root)) {
        for (const std::string& unit : units) {
            std::string path = fmt::format("{}/{}", directory, unit);
            if (is_file_or_link(root, path)) found.push_back({unit, std::move(path), Kind::fragment});
            find_drop_ins(root, directory, unit, found);
        }
    }
    find_enablements(root, enabled, found);
    return found;
}

void refuse_foreign_units(const std::vector<ForeignUnit>& foreign) {
    if (foreign.empty()) return;
    std::vector<std::string> paths;
    for (const ForeignUnit& unit : foreign) paths.push_back(fmt::format("'{}'", unit.path));
    throw Error{Errc::service_manager, fmt::format("somebody else wrote {}, for units of the names that overdrive uses",
                                                   fmt::join(paths, ", "))}
        .with_remedy(
            "remove them, or let overdrive put them aside until it is uninstalled: foreign-units = \"mask\" in "
            "/etc/overdrive/config.toml; nothing was changed");
}

void silence_foreign_units(const Root& root, const Record& record) {
    for (const ForeignUnit& foreign : record.foreign) {
        if (foreign.action == Action::aside) put_aside(root, record, foreign);
        if (foreign.action == Action::unlink) root.remove(foreign.path);
    }
    for (const ForeignUnit& foreign : record.foreign) {
        if (foreign.action == Action::mask) mask(root, foreign);  // in the place of one that was put aside, maybe
    }
}

bool is_put_back(const Root& root, const Record& record, const std::string& path) {
    return std::any_of(record.foreign.begin(), record.foreign.end(), [&](const ForeignUnit& foreign) {
        return foreign.action == Action::aside && foreign.path == path && !root.link_status(aside_path(foreign));
    });
}

std::vector<std::string> restore_foreign_units(const Root& root, const Record& record) {
    std::vector<std::string> kept;
    for (const ForeignUnit& foreign : record.foreign) {
        if (foreign.action != Action::aside || !root.link_status(aside_path(foreign))) continue;
        if (root.link_status(foreign.path)) {
            kept.push_back(aside_path(foreign));
            continue;
        }
        root.rename(aside_path(foreign), foreign.path, false);
        root.sync_directory(foreign.path.substr(0, foreign.path.rfind('/')));
    }
    for (const ForeignUnit& foreign : record.foreign) {
        if (foreign.action == Action::unlink) enable_again(root, foreign);
    }
    return kept;
}

std::vector<ForeignUnit> present_foreign_units(const Root& root, const Record& record) {
    std::vector<ForeignUnit> present;
    for (const ForeignUnit& foreign : record.foreign) {
        const bool there = foreign.action == Action::unlink ||
                           root.link_status(foreign.action == Action::aside ? aside_path(foreign) : foreign.path);
        if (there) present.push_back(foreign);
    }
    return present;
}

nlohmann::ordered_json foreign_units_json(const std::vector<ForeignUnit>& foreign) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const ForeignUnit& unit : foreign) json.push_back({{"path", unit.path}, {"action", to_string(unit.action)}});
    return json;
}

}  // namespace overdrive
