#include "verbs/install_units.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/sha256.hpp"

namespace overdrive {

namespace {

OwnedPath* find_owned(Record& record, const std::string& path) {
    const auto found = std::find_if(record.owned.begin(), record.owned.end(),
                                    [&](const OwnedPath& owned) { return owned.path == path; });
    return found == record.owned.end() ? nullptr : &*found;
}

/// @return whether the file had to be written
bool place(const Root& root, Record& record, const HostFile& file) {
    const std::string wanted = sha256_hex(file.content);
    const auto there = root.read_file(file.path, 1U << 20U);
    OwnedPath* owned = find_owned(record, file.path);
    const bool same = there && sha256_hex(*there) == wanted;
    if (there && !same && (owned == nullptr || owned->sha256 != sha256_hex(*there))) {
        throw Error{Errc::service_manager,
                    fmt::format("'{}' exists and {}", file.path,
                                owned == nullptr ? "is not ours" : "was edited since we wrote it")}
            .with_remedy(
                "move it away (changes belong into a drop-in of another name), then run this again; nothing was "
                "overwritten");
    }
    if (!same) {
        root.make_directories(file.path.substr(0, file.path.rfind('/')));
        root.write_file(file.path, file.content);
    }
    if (owned == nullptr) {
        record.owned.push_back({file.path, "file", wanted});
    } else {
        owned->sha256 = wanted;
    }
    return !same;
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

bool install_units(Services& services, const Config& config, Record& record, Report& report) {
    bool changed = false;
    for (const HostFile& file : services.unit_files(config)) changed = place(services.root, record, file) || changed;
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
