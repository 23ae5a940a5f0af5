#include "verbs/install_units.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr const char* kDaemonUser = "nvidia-persistenced";

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
    std::string sha256;  ///< of our content
    bool written;        ///< our content is there already
};

/// @throws Error service_manager when what is there is foreign or was edited
Place look(const Root& root, const Record& record, HostFile file) {
    Place place{.file = std::move(file), .sha256 = {}, .written = false};
    place.sha256 = sha256_hex(place.file.content);
    const auto there = root.read_file(place.file.path, 1U << 20U);
    if (!there) return place;
    const std::string found = sha256_hex(*there);
    place.written = found == place.sha256;
    const OwnedPath* owned = find_owned(record, place.file.path);
    if (place.written || (owned != nullptr && owned->sha256 == found)) return place;
    throw Error{Errc::service_manager, fmt::format("'{}' exists and {}", place.file.path,
                                                   owned == nullptr ? "is not ours" : "was edited since we wrote it")}
        .with_remedy(
            "move it away (changes belong into a drop-in of another name), then run this again; nothing was "
            "overwritten");
}

std::vector<Place> look_at_all(const Services& services, const Config& config, const Record& record) {
    std::vector<Place> places;
    for (HostFile& file : services.unit_files(config)) places.push_back(look(services.root, record, std::move(file)));
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
void note_new(const Root& root, Record& record, const Place& place) {
    for (const std::string& directory : missing_directories(root, place.file.path)) {
        if (find_owned(record, directory) == nullptr) record.owned.push_back({directory, "directory", ""});
    }
    if (find_owned(record, place.file.path) == nullptr) record.owned.push_back({place.file.path, "file", place.sha256});
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

}  // namespace

void require_units_placeable(const Services& services, const Store& store, const Config& config) {
    static_cast<void>(look_at_all(services, config, store.load_usable_record().value_or(Record{})));
}

bool install_units(Services& services, Store& store, const Config& config, Report& report) {
    Record before = store.load_usable_record().value_or(Record{});
    Record record = before;
    const std::vector<Place> places = look_at_all(services, config, record);
    const bool changed = std::any_of(places.begin(), places.end(), [](const Place& place) { return !place.written; });
    for (const Place& place : places) note_new(services.root, record, place);
    if (changed && !has_user(services.root, kDaemonUser) && find_owned(record, kDaemonUser) == nullptr)
        record.owned.push_back({kDaemonUser, "user", ""});
    save_if_changed(store, record, before);
    for (const Place& place : places) {
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
    return changed || enabled;
}

}  // namespace overdrive
