#include "verbs/cdi_rivals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cdi/folders.hpp"
#include "verbs/foreign_units.hpp"

namespace overdrive {

namespace {

using Kind = CdiRival::Kind;

constexpr std::string_view kKind = "nvidia.com/gpu";

/// Which directory a path is, whatever leads there: /var/run is /run.
std::optional<std::pair<dev_t, ino_t>> identity(const Root& root, const std::string& directory) {
    const auto status = root.status(directory);
    if (!status) return std::nullopt;
    return std::pair{status->st_dev, status->st_ino};
}

/// Where engines look and where ours is, each directory once, the weaker first.
std::vector<std::string> folders(const Root& root, const std::string& own_folder) {
    std::vector<std::string> all{std::begin(kCdiFolders), std::end(kCdiFolders)};
    const bool is_among = std::any_of(all.begin(), all.end(), [&](const std::string& folder) {
        return folder == own_folder || (identity(root, folder) && identity(root, folder) == identity(root, own_folder));
    });
    if (!is_among) all.push_back(own_folder);
    return all;
}

bool gives_any_of(const CdiSpec& spec, const std::optional<std::set<std::string>>& devices) {
    if (spec.kind != kKind) return false;
    return !devices || std::any_of(spec.devices.begin(), spec.devices.end(),
                                   [&](const CdiDevice& device) { return devices->contains(device.name); });
}

}  // namespace

std::string CdiRival::text() const {
    switch (kind) {
        case Kind::unit:
            return fmt::format("'{}' makes specifications of the same devices", path);
        case Kind::same_folder:
            return fmt::format("'{}' gives the same devices beside ours, so that no engine resolves them", path);
        case Kind::stronger:
            return fmt::format("'{}' gives the same devices and wins over ours", path);
        case Kind::weaker:
            return fmt::format("'{}' gives the same devices; ours wins, but what it alone names is of its driver",
                               path);
    }
    return path;
}

std::vector<CdiRival> find_cdi_rivals(const Root& root, const ContainersConfig& config, const std::string& own,
                                      const std::optional<std::set<std::string>>& devices) {
    std::vector<CdiRival> rivals;
    for (const ForeignUnit& unit : find_rival_units(root)) rivals.push_back({Kind::unit, unit.path});
    const std::vector<std::string> places = folders(root, config.spec_directory);
    const auto ours = identity(root, config.spec_directory);
    const auto own_place = std::find_if(places.begin(), places.end(), [&](const std::string& place) {
        return place == config.spec_directory || (ours && identity(root, place) == ours);
    });
    const auto own_index = static_cast<std::size_t>(own_place - places.begin());
    const std::string own_name = own.substr(own.rfind('/') + 1);
    for (const CdiFile& file : read_cdi_folders(root, places).files) {
        const bool is_own = file.folder == own_index && file.path.substr(file.path.rfind('/') + 1) == own_name;
        if (is_own || !file.spec || !gives_any_of(*file.spec, devices)) continue;
        const Kind kind = file.folder == own_index  ? Kind::same_folder
                          : file.folder > own_index ? Kind::stronger
                                                    : Kind::weaker;
        rivals.push_back({kind, file.path});
    }
    return rivals;
}

const std::vector<std::string>& rival_unit_names() {
    static const std::vector<std::string> kNames{"nvidia-cdi-refresh.service", "nvidia-cdi-refresh.path"};
    return kNames;
}

std::vector<ForeignUnit> find_rival_units(const Root& root) {
    std::vector<ForeignUnit> rivals;
    for (const std::string& unit : rival_unit_names()) {
        const std::string in_etc = fmt::format("{}/{}", kUnitDirectory, unit);
        const auto status = root.link_status(in_etc);
        if (status && S_ISLNK(status->st_mode) && root.read_link(in_etc) == kMaskTarget) continue;
        for (const FoundUnitFile& found : find_unit_files(root, {unit}, {})) {
            if (found.kind != FoundUnitFile::Kind::fragment) continue;
            using Action = ForeignUnit::Action;
            rivals.push_back({found.path, found.path == in_etc ? Action::aside : Action::mask});
        }
    }
    return rivals;
}

bool release_rival_units(const Root& root, Record& record) {
    const auto is_rival = [](const ForeignUnit& foreign) {
        const auto& names = rival_unit_names();
        return std::find(names.begin(), names.end(), foreign.path.substr(foreign.path.rfind('/') + 1)) != names.end();
    };
    Record released;
    std::copy_if(record.foreign.begin(), record.foreign.end(), std::back_inserter(released.foreign), is_rival);
    for (const ForeignUnit& foreign : released.foreign) {
        const std::string mask = mask_path(foreign.path);
        const auto is_ours = [&](const OwnedPath& owned) { return owned.path == mask && owned.kind == "link"; };
        if (std::erase_if(record.owned, is_ours) == 0) continue;
        const auto status = root.link_status(mask);
        if (status && S_ISLNK(status->st_mode) && root.read_link(mask) == kMaskTarget) root.remove(mask);
    }
    static_cast<void>(restore_foreign_units(root, released));  // one that came back by itself has its say already
    std::erase_if(record.foreign, is_rival);
    return !released.foreign.empty();
}

}  // namespace overdrive
