#include "verbs/unit_symptoms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "support/sha256.hpp"

namespace overdrive {

namespace {

using Kind = UnitSymptom::Kind;

constexpr std::string_view kUnits = "/etc/systemd/system/";

std::string name_of(std::string_view path) { return std::string{path.substr(path.rfind('/') + 1)}; }

/// A unit's fragment, not a drop-in.
bool is_fragment(std::string_view path) {
    return path.starts_with(kUnits) && path.find('/', kUnits.size()) == std::string_view::npos;
}

const OwnedPath* find_owned(const Record& record, const std::string& path) {
    const auto found = std::find_if(record.owned.begin(), record.owned.end(),
                                    [&](const OwnedPath& owned) { return owned.path == path; });
    return found == record.owned.end() ? nullptr : &*found;
}

/// Whether some target or unit pulls it in.
bool is_enabled(const Root& root, const std::string& unit) {
    for (const std::string& directory : unit_directories()) {
        for (const std::string& name : root.list(directory)) {
            const bool pulls = name.ends_with(".wants") || name.ends_with(".requires");
            if (pulls && root.link_status(fmt::format("{}/{}/{}", directory, name, unit))) return true;
        }
    }
    return false;
}

/// A link to /dev/null, or an empty file, where systemd looks first.
bool is_masked(const Root& root, const std::string& unit) {
    return std::any_of(unit_directories().begin(), unit_directories().end(), [&](const std::string& directory) {
        const std::string path = fmt::format("{}/{}", directory, unit);
        const auto status = root.link_status(path);
        if (!status) return false;
        if (S_ISLNK(status->st_mode)) return root.read_link(path) == "/dev/null";
        return S_ISREG(status->st_mode) && status->st_size == 0;
    });
}

/// What somebody made of one of our files.
void look_at_file(const Root& root, const Record& record, const HostFile& file, std::vector<UnitSymptom>& symptoms) {
    const OwnedPath* const owned = find_owned(record, file.path);
    if (owned == nullptr) return;  // installed without units, or by a program that did not have this one
    const auto there = root.read_file(file.path, 1U << 20U);
    if (is_fragment(file.path) && is_masked(root, name_of(file.path))) {
        symptoms.push_back({Kind::masked, name_of(file.path)});
    } else if (!there) {
        symptoms.push_back({Kind::missing, file.path});
    } else if (const std::string found = sha256_hex(*there);
               found != owned->sha256 && found != sha256_hex(file.content)) {
        symptoms.push_back({Kind::edited, file.path});
    }
}

void look_for_drop_ins(const Root& root, const Record& record, const std::string& unit,
                       std::vector<UnitSymptom>& symptoms) {
    for (const std::string& directory : unit_directories()) {
        const std::string place = fmt::format("{}/{}.d", directory, unit);
        for (const std::string& name : root.list(place)) {
            const std::string path = fmt::format("{}/{}", place, name);
            const bool masked = std::any_of(record.foreign.begin(), record.foreign.end(),
                                            [&](const ForeignUnit& foreign) { return foreign.path == path; });
            if (name.ends_with(".conf") && find_owned(record, path) == nullptr && !masked)
                symptoms.push_back({Kind::foreign_drop_in, path});
        }
    }
}

bool has_failed(Services& services, const std::string& unit) {
    try {
        return services.units.active_state(unit) == "failed";
    } catch (const Error&) {
        return false;  // that systemd does not answer is told on its own
    }
}

}  // namespace

const std::vector<std::string>& unit_directories() {
    static const std::vector<std::string> kDirectories{"/etc/systemd/system", "/run/systemd/system",
                                                       "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"};
    return kDirectories;
}

std::vector<UnitSymptom> find_unit_symptoms(Services& services, const Config& config, const Record& record) {
    std::vector<UnitSymptom> symptoms;
    std::set<std::string> fragments;
    for (const HostFile& file : services.unit_files(config)) {
        look_at_file(services.root, record, file, symptoms);
        if (is_fragment(file.path) && find_owned(record, file.path) != nullptr) fragments.insert(name_of(file.path));
    }
    const bool reachable = services.units.reachable();
    for (const std::string& unit : fragments) {
        look_for_drop_ins(services.root, record, unit, symptoms);
        if (reachable && has_failed(services, unit)) symptoms.push_back({Kind::failed, unit});
    }
    for (const std::string& unit : services.enabled_units) {
        if (fragments.contains(unit) && !is_masked(services.root, unit) && !is_enabled(services.root, unit))
            symptoms.push_back({Kind::not_enabled, unit});
    }
    return symptoms;
}

}  // namespace overdrive
