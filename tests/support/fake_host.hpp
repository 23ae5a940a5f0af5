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
    std::map<std::string, std::string> module_versions;  ///< what loading a path's module gives

    struct Modules final : ModuleLoader {
        explicit Modules(FakeHost& owner) : host{owner} {}
        Outcome load_prerequisite(const std::string& name) override {
            host.timeline.push_back("prerequisite " + name);
            return Outcome::not_available;
        }
        Outcome load(const std::string& path, const std::map<std::string, std::string>& /*parameters*/) override {
            const std::string file = path.substr(path.rfind('/') + 1);
            const std::string name = file.substr(0, file.find('.'));
            host.failure.step("load " + name);
            host.timeline.push_back("load " + name);
            if (no_device) return Outcome::no_device;
            const std::string version = host.module_versions.contains(name) ? host.module_versions[name] : "550.1.1";
            host.facts.modules.push_back({kernel_spelling(name), 0, {}, version});
            if (name == "nvidia") host.facts.driver_version = version;
            return Outcome::loaded;
        }
        bool unload(const std::string& name) override {
            const auto there =
                std::find_if(host.facts.modules.begin(), host.facts.modules.end(),
                             [&](const LoadedModule& module) { return module.name == kernel_spelling(name); });
            if (there == host.facts.modules.end()) return false;
            host.timeline.push_back("unload " + name);
            host.facts.modules.erase(there);
            if (name == "nvidia") host.facts.driver_version.reset();
            return true;
        }
        std::string vermagic(const std::string& /*path*/) override { return vermagic_text; }
        FakeHost& host;
        bool no_device = false;
        std::string vermagic_text = "6.1.0-1-test SMP mod_unload ";
    } modules{*this};

    struct Libraries final : Exposure {
        explicit Libraries(FakeHost& owner) : host{owner} {}
        State inspect(const ExposurePlan& plan) override {
            if (!in_force) return State::absent;
            return *in_force == plan.generation ? State::healthy : State::stale;
        }
        std::vector<std::string> base_names(const std::string& /*target*/) override { return base; }
        void apply(const ExposurePlan& plan) override {
            host.failure.step("expose");
            host.timeline.push_back("expose " + plan.generation);
            in_force = plan.generation;
        }
        void remove() override {
            if (in_force) host.timeline.emplace_back("unexpose");
            in_force.reset();
        }
        FakeHost& host;
        std::optional<std::string> in_force;
        std::vector<std::string> base{"libc.so.6"};
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
        FakeHost& host;
        std::set<std::string> there;
    } nodes{*this};

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
            host.timeline.push_back("start " + unit);
            active.insert(unit);
        }
        void stop(const std::string& unit, std::chrono::milliseconds /*timeout*/) override {
            host.timeline.push_back("stop " + unit);
            active.erase(unit);
        }
        void queue_restart(const std::string& unit) override { host.timeline.push_back("queue restart " + unit); }
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
        FakeHost& host;
        bool is_reachable = true;
        bool enabled = false;
        std::set<std::string> active;
        std::optional<TransientUnit> transient;
        TransientResult transient_result;
        std::function<void(const TransientUnit&)> on_transient;
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

    [[nodiscard]] Services services() {
        return {.root = root_dir.root(),
                .program = {.version = "0.1.0", .is_root = true, .image_directory = "", .program_directory = ""},
                .modules = modules,
                .exposure = exposure,
                .nodes = nodes,
                .processes = processes,
                .units = units,
                .clock = clock,
                .progress = progress,
                .read_facts =
                    [this] {
                        facts.firmware_path =
                            root_dir.root().read_file("sys/module/firmware_class/parameters/path").value_or("");
                        if (facts.firmware_path == std::string(1, '\0'))
                            facts.firmware_path.clear();  // as the kernel shows it
                        return facts;
                    },
                .open_source = [this](const std::string& name, const Config& /*config*/,
                                      const std::string& os_id) { return open_source(fill_template(name, os_id)); },
                .unit_files =
                    [](const Config& /*config*/) {
                        return std::vector<HostFile>{{"/etc/systemd/system/nvidia.service", "[Unit]\n"}};
                    },
                .enabled_units = {"nvidia.service"},
                .sysusers_program = ""};
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
