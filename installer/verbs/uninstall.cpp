#include "verbs/uninstall.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

#include "store/store.hpp"
#include "store/verify_generation.hpp"
#include "support/interruption.hpp"
#include "support/sha256.hpp"
#include "verbs/deactivate.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/foreign_units.hpp"
#include "verbs/install_program.hpp"
#include "verbs/kept_cdi.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/recovery.hpp"
#include "verbs/runtime_files.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostUnitBytes = 1U << 20U;
/// Not enabled, but they may run: one starts the other, and a timer the first.
constexpr std::array kStartedByOthers{"nvidia-stage.service", "nvidia-gate.service"};
constexpr std::array kUserPrograms{"/usr/sbin/userdel", "/sbin/userdel", "/usr/bin/userdel"};

/// Whether a file is what we wrote: as the record has it, or as we would write it now (a run may have been cut off
/// between the two).
bool is_as_written(const Root& root, const OwnedPath& owned, const std::vector<HostFile>& files) {
    const auto status = root.link_status(owned.path);
    if (!status) return true;
    if (owned.kind == "link")
        return S_ISLNK(status->st_mode) && sha256_hex(root.read_link(owned.path).value_or("")) == owned.sha256;
    if (!S_ISREG(status->st_mode)) return false;
    const auto content = root.read_file(owned.path, kMostUnitBytes);
    if (!content || sha256_hex(*content) == owned.sha256) return true;
    return std::any_of(files.begin(), files.end(),
                       [&](const HostFile& file) { return file.path == owned.path && file.content == *content; });
}

void remove_user(Services& services, const std::string& name, Report& report) {
    const std::string users = "\n" + services.root.read_file("/etc/passwd").value_or("");
    if (users.find(fmt::format("\n{}:", name)) == std::string::npos) return;
    for (const char* program : kUserPrograms) {
        if (!services.root.exists(program)) continue;
        const ProcessResult result = services.processes.run({.arguments = {program, name}, .environment = {}});
        if (result.exit_code != 0)
            report.warn(fmt::format("userdel {} ended with {}: {}", name, result.exit_code, result.output));
        return;
    }
    report.warn(fmt::format("this host has no userdel; remove the user '{}' yourself", name));
}

/// Removes what the record says we made, newest first. @return what was edited and stays
std::vector<std::string> remove_owned(Services& services, const Record& record, const std::vector<HostFile>& files,
                                      Report& report) {
    std::vector<std::string> kept;
    for (auto owned = record.owned.rbegin(); owned != record.owned.rend(); ++owned) {
        stop_if_interrupted();
        if (owned->kind == "user") {
            remove_user(services, owned->path, report);
        } else if (is_owned_cdi(*owned)) {
            if (!is_foreign_cdi(services.root, owned->path)) services.root.remove(owned->path);
        } else if (owned->kind == "directory") {
            if (services.root.list(owned->path).empty()) services.root.remove(owned->path);
        } else if (is_put_back(services.root, record, owned->path)) {
            // A run that was cut off here had restored what somebody else had written.
        } else if (!is_as_written(services.root, *owned, files)) {
            kept.push_back(owned->path);
        } else {
            services.root.remove(owned->path);
        }
    }
    return kept;
}

void stop_units(Services& services) {
    if (!services.units.reachable()) return;
    services.units.disable(services.enabled_units);
    std::vector<std::string> started = services.enabled_units;
    started.insert(started.end(), kStartedByOthers.begin(), kStartedByOthers.end());
    for (const std::string& unit : started) {
        const auto state = services.units.active_state(unit);
        if (state == "active" || state == "activating") services.units.stop(unit, std::chrono::seconds{60});
    }
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// What is gone stays gone after a power cut.
void sync_parents(const Root& root, const Store& store, const Record& record) {
    std::set<std::string> parents{parent_of(store.directory()), parent_of(kProgramRoot)};
    for (const OwnedPath& owned : record.owned) {
        if (owned.kind != "user") parents.insert(parent_of(owned.path));
    }
    for (const std::string& parent : parents) {
        if (!parent.empty() && root.exists(parent)) root.sync_directory(parent);
    }
}

void remove_if_empty(const Root& root, const std::string& directory) {
    if (root.exists(directory) && root.list(directory).empty()) root.remove(directory);
}

/// Generations and `current`. The record, which goes last so that a run that is cut off is found unfinished, names none
/// of them any more before the first one goes.
void remove_store(Store& store, Record record, Report& report) {
    const std::vector<Pair> pairs = expected_generations(store);  // `current` is one of them
    const Record before = record;
    record.wanted.reset();
    record.desired.reset();
    record.pending.reset();
    record.staged.reset();
    record.rolled_back.reset();
    record.last_good.clear();
    if (record != before) store.save_record(record);
    store.remove_current();
    for (const Pair& pair : pairs) {
        stop_if_interrupted();
        report.note(fmt::format("removing {}", pair.path()));
        store.remove_generation(pair);
    }
}

ExitCode tell_plan(Services& services, const Store& store, const Record& record, Report& report) {
    nlohmann::ordered_json paths = nlohmann::ordered_json::array();
    std::string text;
    for (const OwnedPath& owned : record.owned) {
        paths.push_back(owned.path);
        text += fmt::format("remove the {} {}\n", owned.kind, owned.path);
    }
    nlohmann::ordered_json generations = nlohmann::ordered_json::array();
    for (const ForeignUnit& foreign : record.foreign) {
        if (foreign.action == ForeignUnit::Action::aside) text += fmt::format("put {} back\n", foreign.path);
    }
    for (const GenerationInfo& generation : store.list_generations()) {
        generations.push_back(generation.pair.path());
        text += fmt::format("remove the driver {}\n", generation.pair.path());
    }
    if (services.root.exists(kProgramRoot)) text += fmt::format("remove the program in {}\n", kProgramRoot);
    report.result({{"schema", 1}, {"result", "dry-run"}, {"owned", paths}, {"generations", generations}},
                  text.empty() ? std::string{"nothing is installed\n"} : "take the driver out of force\n" + text);
    return ExitCode::ok;
}

}  // namespace

ExitCode run_uninstall(const UninstallOptions& options, Services& services, Report& report) {
    if (!options.dry_run) require_root(services, "uninstall");
    require_host_kernel(services, "uninstall");
    Store store{services.root};
    if (options.dry_run) return tell_plan(services, store, store.load_usable_record().value_or(Record{}), report);
    deactivate_driver(services, report);
    const Config config = load_config(services.root, {}, Strictness::boot);
    const std::vector<HostFile> files = services.unit_files(config);
    std::vector<std::string> kept;
    Record record;
    {
        const Lock lock = take_lock(services, store, "uninstall");
        recover_store(services, store, services.read_facts(), report);
        record = store.load_usable_record().value_or(Record{});
        stop_units(services);
        kept = remove_owned(services, record, files, report);
        for (std::string& path : restore_foreign_units(services.root, record)) kept.push_back(std::move(path));
        for (std::string& path : restore_cdi_put_aside(services.root, config, record)) kept.push_back(std::move(path));
        if (services.units.reachable()) services.units.daemon_reload();
        remove_store(store, record, report);
        services.root.remove_tree(kRunDirectory);
        // What waits for the lock finds the file gone and makes a new one.
        services.root.remove_tree(store.state_path(""));
        services.root.sync_directory(store.directory());
    }
    remove_if_empty(services.root, store.directory());
    services.root.remove_tree(kProgramRoot);
    sync_parents(services.root, store, record);
    for (const std::string& path : kept) report.warn(fmt::format("'{}' was edited and stays", path));
    report.result({{"schema", 1}, {"result", "uninstalled"}, {"kept", kept}},
                  "overdrive and its drivers are gone; /etc/overdrive, which is yours, stays\n");
    return ExitCode::ok;
}

}  // namespace overdrive
