#include "verbs/install_units.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "support/sha256.hpp"
#include "verbs/cdi_rivals.hpp"
#include "verbs/daemons.hpp"
#include "verbs/foreign_units.hpp"

namespace overdrive {

namespace {

constexpr const char* kDaemonUser = "nvidia-persistenced";
constexpr std::size_t kMostUnitBytes = 1U << 20U;

const OwnedPath* find_owned(const Record& record, const std::string& path) {
    const auto found = std::find_if(record.owned.begin(), record.owned.end(),
                                    [&](const OwnedPath& owned) { return owned.path == path; });
    return found == record.owned.end() ? nullptr : &*found;
}

OwnedPath* find_owned(Record& record, const std::string& path) {
    const auto found = std::find_if(record.owned.begin(), record.owned.end(),
                                    [&](const OwnedPath& owned) { return owned.path == path; });
    return found == record.owned.end() ? nullptr : &*found;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// What is on the host in the place of one of our files.
struct Place {
    HostFile file;
    std::string sha256;    ///< of our content
    bool written = false;  ///< our content is there already
    bool foreign = false;  ///< something else is there that somebody else wrote
};

bool was_foreign(const Record& record, const std::string& path) {
    return std::any_of(record.foreign.begin(), record.foreign.end(), [&](const ForeignUnit& foreign) {
        return foreign.action == ForeignUnit::Action::aside && foreign.path == path;
    });
}

/// Whether a run that was cut off had yet to put aside what is in our place.
bool waits_to_be_put_aside(const Root& root, const Record& record, const std::string& path) {
    return was_foreign(record, path) && !root.link_status(fmt::format("{}{}", path, kAsideSuffix));
}

/// @throws Error service_manager when what is there was ours and was edited
Place look(const Root& root, const Record& record, HostFile file) {
    Place place{.file = std::move(file), .sha256 = {}};
    const std::string& path = place.file.path;
    place.sha256 = sha256_hex(place.file.content);
    const auto status = root.link_status(path);
    if (!status) return place;
    const OwnedPath* owned = find_owned(record, path);
    if (S_ISREG(status->st_mode)) {
        const std::string found = sha256_hex(root.read_file(path, kMostUnitBytes).value_or(""));
        place.written = found == place.sha256;
        if (place.written || (owned != nullptr && owned->sha256 == found)) return place;
    }
    if (owned != nullptr && !waits_to_be_put_aside(root, record, path)) {
        throw Error{Errc::service_manager, fmt::format("'{}' was edited since overdrive wrote it", path)}.with_remedy(
            "move it away (changes belong into a drop-in of another name), then run this again; nothing was "
            "overwritten");
    }
    place.foreign = true;
    return place;
}

/// What is to be written, and what others wrote that must have no say in it.
struct Places {
    std::vector<Place> files;
    std::vector<ForeignUnit> foreign;  ///< what the record does not know yet
};

/// Our files but for those of daemons that no installed driver brings: such a unit may be somebody else's.
std::vector<HostFile> files_to_write(const Services& services, const Store& store, const Config& config) {
    std::vector<HostFile> files = services.unit_files(config);
    for (const std::string& unit : units_without_daemon(store)) {
        std::erase_if(files, [&](const HostFile& file) {
            return file.path == fmt::format("{}/{}", kUnitDirectory, unit) ||
                   file.path == fmt::format("{}/nvidia.service.d/{}.conf", kUnitDirectory, unit);
        });
    }
    return files;
}

/// Whether the vendor's generator of CDI specifications is to be silent.
bool masks_rivals(const Config& config) {
    return config.containers.cdi != CdiPolicy::off && config.containers.other_generators == OtherGenerators::mask;
}

/// @throws Error service_manager naming what was edited, or, under the policy `refuse`, what is foreign
Places look_at_all(const Services& services, const Store& store, const Config& config, const Record& record) {
    const std::vector<HostFile> files = files_to_write(services, store, config);
    const std::vector<std::string> units = unit_names(files);
    Places places;
    std::set<std::string> ours;
    for (const OwnedPath& owned : record.owned) ours.insert(owned.path);
    std::set<std::string> written;
    for (const std::string& unit : units) {
        if (find_owned(record, fmt::format("{}/{}", kUnitDirectory, unit)) != nullptr) written.insert(unit);
    }
    for (const HostFile& file : files) {
        const Place& place = places.files.emplace_back(look(services.root, record, file));
        if (!place.foreign) {
            ours.insert(file.path);
        } else if (!was_foreign(record, file.path)) {
            ours.erase(file.path);
        }
    }
    places.foreign = plan_foreign_units(find_unit_files(services.root, units, services.enabled_units), ours, written);
    for (const Place& place : places.files) {  // the drop-ins of consumers, which are no units of ours
        const ForeignUnit aside{place.file.path, ForeignUnit::Action::aside};
        if (place.foreign && std::find(places.foreign.begin(), places.foreign.end(), aside) == places.foreign.end())
            places.foreign.push_back(aside);
    }
    const auto is_known = [&](const ForeignUnit& foreign) {
        return std::find(record.foreign.begin(), record.foreign.end(), foreign) != record.foreign.end();
    };
    std::erase_if(places.foreign, is_known);
    if (config.foreign_units == ForeignUnits::refuse) refuse_foreign_units(places.foreign);
    if (!masks_rivals(config)) return places;
    for (const ForeignUnit& rival : find_rival_units(services.root)) {
        if (!is_known(rival)) places.foreign.push_back(rival);
    }
    return places;
}

/// The directories that have to be made for a file, outermost first.
std::vector<std::string> missing_directories(const Root& root, const std::string& file) {
    std::vector<std::string> missing;
    for (std::string path = parent_of(file); !path.empty() && !root.exists(path); path = parent_of(path))
        missing.insert(missing.begin(), path);
    return missing;
}

/// Notes what is about to be made before it is made: a run that is cut off leaves nothing that uninstall does not know.
void note_new(const Root& root, Record& record, OwnedPath owned) {
    for (const std::string& directory : missing_directories(root, owned.path)) {
        if (find_owned(record, directory) == nullptr) record.owned.push_back({directory, "directory", ""});
    }
    if (find_owned(record, owned.path) == nullptr) record.owned.push_back(std::move(owned));
}

/// The same for what is about to be done to the files of others, which is warned about.
void note_foreign(const Root& root, Record& record, const std::vector<ForeignUnit>& foreign, Report& report) {
    for (const ForeignUnit& unit : foreign) {
        report.warn(fmt::format("somebody else wrote {}; it comes back when overdrive is uninstalled", to_text(unit)));
        record.foreign.push_back(unit);
        if (unit.action == ForeignUnit::Action::mask)
            note_new(root, record, {mask_path(unit.path), "link", sha256_hex(kMaskTarget)});
    }
}

void save_if_changed(Store& store, const Record& record, Record& before) {
    if (record == before) return;
    store.save_record(record);
    before = record;
}

bool has_user(const Root& root, std::string_view name) {
    const std::string users = "\n" + root.read_file("/etc/passwd").value_or("");
    return users.find(fmt::format("\n{}:", name)) != std::string::npos;
}

/// The user of the persistence daemon must exist before its unit starts, not only after the next boot.
void make_users(Services& services, Report& report) {
    if (services.sysusers_program.empty() || !services.root.exists(services.sysusers_program)) {
        report.warn(fmt::format("'{}' is missing on this host; make the system user 'nvidia-persistenced' yourself",
                                services.sysusers_program));
        return;
    }
    if (services.program.in_container) return;
    const ProcessResult made = services.processes.run({.arguments = {services.sysusers_program, "overdrive.conf"},
                                                       .environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}}});
    if (made.exit_code != 0)
        report.warn(fmt::format("systemd-sysusers ended with {}: {}", made.exit_code, made.output));
}

/// A masked unit that runs already goes on: the one that watches for new drivers would.
void stop_masked_rivals(Services& services, const Record& record) {
    for (const std::string& unit : rival_unit_names()) {
        const bool silenced =
            std::any_of(record.foreign.begin(), record.foreign.end(),
                        [&](const ForeignUnit& foreign) { return foreign.path.ends_with("/" + unit); });
        if (silenced && services.units.active_state(unit) == "active") services.units.queue_stop(unit);
    }
}

}  // namespace

void require_units_placeable(const Services& services, const Store& store, const Config& config) {
    static_cast<void>(look_at_all(services, store, config, store.load_usable_record().value_or(Record{})));
}

bool install_units(Services& services, Store& store, const Config& config, Report& report) {
    Record before = store.load_usable_record().value_or(Record{});
    Record record = before;
    const Places places = look_at_all(services, store, config, record);
    const bool released = !masks_rivals(config) && release_rival_units(services.root, record);
    if (released) {
        report.note(
            fmt::format("{} may write CDI specifications again, as [containers] other-generators says; reboot or "
                        "start them",
                        fmt::join(rival_unit_names(), " and ")));
    }
    const bool changed =
        released || !places.foreign.empty() ||
        std::any_of(places.files.begin(), places.files.end(), [](const Place& place) { return !place.written; });
    note_foreign(services.root, record, places.foreign, report);
    for (const Place& place : places.files) note_new(services.root, record, {place.file.path, "file", place.sha256});
    if (changed && !has_user(services.root, kDaemonUser) && find_owned(record, kDaemonUser) == nullptr)
        record.owned.push_back({kDaemonUser, "user", ""});
    save_if_changed(store, record, before);
    silence_foreign_units(services.root, record);
    for (const Place& place : places.files) {
        if (!place.written) {
            services.root.make_directories(parent_of(place.file.path));
            services.root.write_file(place.file.path, place.file.content);
        }
        find_owned(record, place.file.path)->sha256 = place.sha256;
    }
    save_if_changed(store, record, before);
    if (changed) {
        report.note("installed the systemd units");
        make_users(services, report);
    }
    if (!services.units.reachable()) {
        if (changed)
            report.warn(
                "systemd cannot be reached; 'systemctl daemon-reload' and enabling the units is left to the next boot");
        return changed;
    }
    const bool enabled = services.units.enable(services.enabled_units);
    if (changed || enabled) services.units.daemon_reload();
    stop_masked_rivals(services, record);
    return changed || enabled;
}

}  // namespace overdrive
