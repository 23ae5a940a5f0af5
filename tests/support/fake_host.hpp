#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/fake_guard.hpp"
#include "support/temporary_root.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What happened, in order, across all fakes of one host.
using Timeline = std::vector<std::string>;

/// Fails the Nth thing that changes the host, counted across all fakes; 0 = never.
struct FailurePlan {
    int fail_at = 0;
    int done = 0;
    bool armed = true;

    void step(const std::string& what) {
        ++done;
        if (armed && done == fail_at) throw Error{Errc::io, "injected at '" + what + "'"};
    }
};

/// A host in memory behind the ports: modules, exposure, nodes and units are fakes over one HostFacts; the file tree is
/// a real temporary directory.
class FakeHost {
public:
    FakeHost() {
        facts.os_release = OsRelease::parse("ID=coreos\nVERSION_ID=4081.2.1\n");
        facts.kernel_release = "6.1.0-1-test";
        facts.architecture = "x86_64";
        facts.boot_id = "boot-1";
        facts.gpus = {{"0000:00:07.0", 0x1eb8, ""}};
        facts.mounts = {
            {.target = "/usr", .type = "squashfs", .source = "/dev/vda", .options = "ro", .super_options = "ro"}};
        root_dir.write("sys/module/firmware_class/parameters/path", "");
    }

    TemporaryRoot root_dir;
    HostFacts facts;
    Timeline timeline;
    FailurePlan failure;
    std::map<std::string, std::string> module_versions;  ///< what loading a module gives; else its generation's version

    [[nodiscard]] LoadedModule* loaded(const std::string& name) {
        const auto found = std::find_if(facts.modules.begin(), facts.modules.end(), [&](const LoadedModule& module) {
            return module.name == kernel_spelling(name);
        });
        return found == facts.modules.end() ? nullptr : &*found;
    }

    /// Loaded modules use each other as the real ones do, and one that is used cannot be unloaded.
    struct Modules final : ModuleLoader {
        explicit Modules(FakeHost& owner) : host{owner} {}
        Outcome load_prerequisite(const std::string& name) override {
            host.timeline.push_back("prerequisite " + name);
            if (!host_index.contains(name)) return Outcome::not_available;
            insert(kernel_spelling(name), host_index.at(name), "/lib/modules");
            return Outcome::loaded;
        }
        Outcome load(const std::string& path, const std::map<std::string, std::string>& parameters) override {
            const std::string file = path.substr(path.rfind('/') + 1);
            const std::string name = file.substr(0, file.find('.'));
            host.failure.step("load " + name);
            host.timeline.push_back("load " + name);
            if (no_device) return Outcome::no_device;
            if (refused_versions.contains(version_in(path)))
                throw Error{Errc::module_load, "module '" + name + "': Unknown symbol in module"};
            if (host.loaded(name) != nullptr) return Outcome::already_loaded;
            insert(kernel_spelling(name),
                   host.module_versions.contains(name) ? host.module_versions[name] : version_in(path), path);
            parameters_of[kernel_spelling(name)] = parameters;
            return Outcome::loaded;
        }
        bool unload(const std::string& name) override {
            const LoadedModule* const there = host.loaded(name);
            if (there == nullptr) return false;
            host.failure.step("unload " + name);
            if (there->refcount > 0) throw Error{Errc::module_busy, "module '" + name + "' is in use"};
            host.timeline.push_back("unload " + name);
            const std::string gone = there->name;
            std::erase_if(host.facts.modules, [&](const LoadedModule& module) { return module.name == gone; });
            for (LoadedModule& module : host.facts.modules) {
                if (std::erase(module.users, gone) > 0) --module.refcount;
            }
            loaded_from.erase(gone);
            parameters_of.erase(gone);
            if (gone == "nvidia") host.facts.driver_version.reset();
            return true;
        }
        /// What driver.json of its tree says, unless `described` has something else for its name.
        ModuleDescription describe(const std::string& path) override {
            const std::string file = path.substr(path.rfind('/') + 1);
            if (const auto other = described.find(file); other != described.end()) return other->second;
            const std::string tree = path.substr(0, path.find("/lib/modules/"));
            const auto json = host.root_dir.root().read_file(tree + "/driver.json");
            if (!json) throw Error{Errc::incomplete_artifact, "'" + path + "' is in no driver's tree"};
            const DriverManifest manifest = DriverManifest::parse(*json);
            for (const ModuleSpec& module : manifest.modules) {
                if (path.ends_with("/" + module.path)) return {manifest.vermagic, module.version, {}};
            }
            throw Error{Errc::incomplete_artifact, "'" + path + "' is no module"};
        }
        std::string vermagic(const std::string& /*path*/) override { return vermagic_text; }

        /// As if it had been loaded. @param path where from
        void insert(const std::string& name, const std::string& version, const std::string& path) {
            for (LoadedModule& module : host.facts.modules) {
                const bool above = name == "nvidia_drm" ? module.name == "nvidia_modeset" : module.name == "nvidia";
                if (!above || !name.starts_with("nvidia_")) continue;
                module.users.push_back(name);
                ++module.refcount;
            }
            host.facts.modules.push_back({name, 0, {}, version});
            if (name == "nvidia") host.facts.driver_version = version;
            loaded_from[name] = path;
        }
        /// `/opt/nvidia/550.1.1-open/4081.2.1/...` -> `550.1.1`
        static std::string version_in(const std::string& path) {
            const std::string top = "/opt/nvidia/";
            const std::string driver = path.substr(std::min(top.size(), path.size()));
            return driver.substr(0, driver.find_first_of("-/"));
        }

        std::map<std::string, ModuleDescription> described;  ///< by file name
        FakeHost& host;
        std::map<std::string, std::string> host_index;  ///< the host's own modules with their versions
        std::map<std::string, std::string> loaded_from;
        std::map<std::string, std::map<std::string, std::string>> parameters_of;
        bool no_device = false;
        std::set<std::string> refused_versions;  ///< drivers whose modules the kernel refuses
        std::string vermagic_text = "6.1.0-1-test SMP mod_unload ";
    } modules{*this};

    struct Libraries final : Exposure {
        explicit Libraries(FakeHost& owner) : host{owner} {}
        State inspect(const ExposurePlan& plan) override {
            if (!in_force) return State::absent;
            return *in_force == plan.generation ? State::healthy : State::stale;
        }
        std::vector<std::string> base_names(const std::string& /*target*/) override { return base; }
        void check(const ExposurePlan& /*plan*/) override {
            if (impossible) throw Error{Errc::exposure, *impossible};
        }
        void apply(const ExposurePlan& plan) override {
            host.failure.step("expose");
            host.timeline.push_back("expose " + plan.generation);
            in_force = plan.generation;
        }
        void detach() override { remove(); }
        void remove() override {
            if (in_force) host.timeline.emplace_back("unexpose");
            in_force.reset();
        }
        FakeHost& host;
        std::optional<std::string> in_force;
        std::vector<std::string> base{"libc.so.6"};
        std::optional<std::string> impossible;  ///< why no overlay can be laid here
    } exposure{*this};

    struct Nodes final : DeviceNodes {
        explicit Nodes(FakeHost& owner) : host{owner} {}
        std::vector<std::string> ensure(const std::vector<DeviceNodeSpec>& specs) override {
            const auto made = missing(specs);
            for (const std::string& path : made) {
                host.failure.step("node " + path);
                there.insert(path);
            }
            if (!made.empty()) host.timeline.emplace_back("nodes");
            return made;
        }
        std::vector<std::string> missing(const std::vector<DeviceNodeSpec>& specs) override {
            std::vector<std::string> out;
            for (const DeviceNodeSpec& spec : specs) {
                if (!there.contains("/dev/" + spec.path)) out.push_back("/dev/" + spec.path);
            }
            return out;
        }
        std::vector<std::string> remove(const std::vector<DeviceNodeSpec>& /*specs*/) override {
            const std::vector<std::string> gone{there.begin(), there.end()};
            there.clear();
            return gone;
        }
        void take_back(const std::vector<std::string>& paths) override {
            for (const std::string& path : paths) there.erase(path);
        }
        FakeHost& host;
        std::set<std::string> there;
    } nodes{*this};

    /// Processes that keep modules from being unloaded.
    struct Holders final : DeviceHolders {
        explicit Holders(FakeHost& owner) : host{owner} {}
        std::vector<DeviceHolder> find() override {
            std::vector<DeviceHolder> found;
            for (const auto& [holder, module] : held) found.push_back(holder);
            return found;
        }
        /// A process opens a device of a loaded module.
        void hold(const DeviceHolder& holder, const std::string& module) {
            if (host.loaded(module) == nullptr) return;
            ++host.loaded(module)->refcount;
            held.emplace_back(holder, module);
        }
        /// The processes of a unit end.
        void let_go(const std::string& unit) {
            std::erase_if(held, [&](const auto& entry) {
                if (entry.first.unit != unit) return false;
                --host.loaded(entry.second)->refcount;
                return true;
            });
        }
        std::vector<KernelUse> find_in_kernel() override { return in_kernel; }
        std::vector<LibraryUser> find_library_users() override { return library_users; }
        FakeHost& host;
        std::vector<std::pair<DeviceHolder, std::string>> held;
        std::vector<KernelUse> in_kernel;
        std::vector<LibraryUser> library_users;
        std::map<std::string, std::string> daemons;  ///< unit -> module whose device it holds while it is active
    } holders{*this};

    FakeGuard guard;

    struct Processes final : ProcessRunner {
        ProcessResult run(const ProcessRequest& request) override {
            ran.push_back(request.arguments.front());
            return answer;
        }
        ProcessResult answer{.exit_code = 0, .timed_out = false, .output = "GPU 0: fake"};
        std::vector<std::string> ran;
    } processes;

    struct Units final : UnitManager {
        explicit Units(FakeHost& owner) : host{owner} {}
        bool reachable() override { return is_reachable; }
        void daemon_reload() override { host.timeline.emplace_back("daemon-reload"); }
        bool enable(const std::vector<std::string>& units) override {
            const bool changed = !enabled;
            enabled = true;
            if (changed) host.timeline.push_back("enable " + std::to_string(units.size()));
            return changed;
        }
        void disable(const std::vector<std::string>& /*units*/) override { enabled = false; }
        void start(const std::string& unit, std::chrono::milliseconds /*timeout*/) override {
            step("start " + unit);
            become_active(unit);
        }
        void stop(const std::string& unit, std::chrono::milliseconds /*timeout*/) override {
            step("stop " + unit);
            if (on_stop) on_stop();
            become_inactive(unit);
        }
        void queue_restart(const std::string& unit) override { host.timeline.push_back("queue restart " + unit); }
        void queue_start(const std::string& unit) override { step("queue start " + unit); }
        void forget_starts(const std::string& unit) override { forgotten.insert(unit); }
        void queue_stop(const std::string& unit) override {
            step("queue stop " + unit);
            if (stops_when_queued) become_inactive(unit);
        }
        std::optional<std::string> active_state(const std::string& unit) override {
            return active.contains(unit) ? "active" : "inactive";
        }
        TransientResult run_transient(const TransientUnit& unit, const std::function<void()>& while_waiting) override {
            host.timeline.push_back("transient " + unit.arguments.front());
            transient = unit;
            if (on_transient) on_transient(unit);
            while_waiting();
            return transient_result;
        }
        void become_active(const std::string& unit) {
            if (!active.insert(unit).second || !host.holders.daemons.contains(unit)) return;
            DeviceHolder daemon;
            daemon.pid = 99;
            daemon.program = "daemon";
            daemon.unit = unit;
            host.holders.hold(daemon, host.holders.daemons.at(unit));
        }
        void become_inactive(const std::string& unit) {
            active.erase(unit);
            host.holders.let_go(unit);
        }
        /// A refusal is systemd's.
        void step(const std::string& what) {
            try {
                host.failure.step(what);
            } catch (const Error& error) {
                throw Error{Errc::service_manager, error.what()};
            }
            host.timeline.push_back(what);
        }
        FakeHost& host;
        std::set<std::string> forgotten;
        bool is_reachable = true;
        bool enabled = false;
        bool stops_when_queued = true;
        std::set<std::string> active;
        std::optional<TransientUnit> transient;
        TransientResult transient_result;
        std::function<void(const TransientUnit&)> on_transient;
        std::function<void()> on_stop;  ///< before the unit has stopped
    } units{*this};

    struct Time final : Clock {
        std::chrono::seconds wall() override { return std::chrono::seconds{1'800'000'000}; }
        std::chrono::steady_clock::time_point steady() override { return now; }
        void sleep(std::chrono::milliseconds time) override {
            now += time;
            if (on_sleep) on_sleep();
        }
        std::chrono::steady_clock::time_point now;
        std::function<void()> on_sleep;
    } clock;

    struct Quiet final : Progress {
        void begin(std::string_view /*what*/, std::uint64_t /*total_bytes*/) override {}
        void advance(std::uint64_t /*bytes*/) override {}
        void end() override {}
    } progress;

    std::function<std::unique_ptr<ArtifactSource>(const std::string&)> open_source;
    PreflightFacts preflight;  ///< what there is to know before anything is loaded; by default nothing

    [[nodiscard]] Services services() {
        return {.root = root_dir.root(),
                .program = {.version = "0.1.0", .is_root = true, .image_directory = "", .program_directory = ""},
                .modules = modules,
                .exposure = exposure,
                .nodes = nodes,
                .holders = holders,
                .guard = guard,
                .processes = processes,
                .units = units,
                .clock = clock,
                .progress = progress,
                .read_facts =
                    [this] {
                        facts.firmware_path =
                            root_dir.root().read_file("sys/module/firmware_class/parameters/path").value_or("");
                        facts.firmware_path.resize(std::min(facts.firmware_path.find('\0'),
                                                            facts.firmware_path.size()));  // as the kernel shows it
                        return facts;
                    },
                .open_source = [this](const std::string& name, const Config& /*config*/,
                                      const std::string& os_id) { return open_source(fill_template(name, os_id)); },
                .unit_files =
                    [](const Config& /*config*/) {
                        return std::vector<HostFile>{{"/etc/systemd/system/nvidia.service", "[Unit]\n"}};
                    },
                .enabled_units = {"nvidia.service"},
                .sysusers_program = "",
                .read_kernel_policy = [this] { return preflight.policy; },
                .read_preflight_facts = [this](const PreflightRequest& /*request*/) { return preflight; }};
    }
};

/// Keeps what a verb told.
class KeptReport final : public Report {
public:
    void note(std::string_view line) override { notes.emplace_back(line); }
    void warn(std::string_view line) override { warnings.emplace_back(line); }
    void result(const nlohmann::ordered_json& result_json, std::string_view result_text) override {
        json = result_json;
        text = result_text;
    }
    void failure(std::string_view /*verb*/, const Error& error) override { failures.emplace_back(error.what()); }

    std::vector<std::string> notes;
    std::vector<std::string> warnings;
    std::vector<std::string> failures;
    nlohmann::ordered_json json;
    std::string text;
};

/// The Errc that `body` throws; nullopt when it throws none.
template <typename Body>
std::optional<Errc> thrown_by(Body&& body) {
    try {
        std::forward<Body>(body)();
    } catch (const Error& error) {
        return error.code();
    }
    return std::nullopt;
}

}  // namespace overdrive
