#include "verbs/cdi_doctor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "cdi/engine_settings.hpp"
#include "cdi/engines.hpp"
#include "cdi/folders.hpp"
#include "cdi/mig_drift.hpp"
#include "cdi/validate.hpp"
#include "support/environment.hpp"
#include "verbs/cdi_look.hpp"
#include "verbs/cdi_rivals.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

struct EngineProgram {
    const char* engine;
    const char* program;
};
constexpr std::array<EngineProgram, 4> kEngines{
    {{"podman", "podman"}, {"docker", "dockerd"}, {"containerd", "containerd"}, {"cri-o", "crio"}}};
constexpr std::array kProgramFolders{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/opt/bin"};

/// An engine of this host.
struct FoundEngine {
    std::string program;
    CdiEngine engine;
    std::optional<CdiVersion> newest;  ///< nullopt: it has no CDI
    CdiEngineSettings settings;
};

/// The first word of digits and dots in what `--version` printed: `podman version 4.3.1`.
std::optional<CdiVersion> version_in(const std::string& output) {
    for (std::size_t at = 0; at < output.size(); ++at) {
        const bool begins =
            output[at] >= '0' && output[at] <= '9' && (at == 0 || output[at - 1] == ' ' || output[at - 1] == 'v');
        if (!begins) continue;
        const std::string word = output.substr(at, output.find_first_not_of("0123456789.", at) - at);
        if (word.find('.') != std::string::npos) return parse_cdi_version(word);
    }
    return std::nullopt;
}

/// nullopt when the program cannot be run, or says no version: it is then no engine to speak of.
std::optional<CdiVersion> version_said(ProcessRunner& processes, const ProcessRequest& request) {
    try {
        return version_in(processes.run(request).output);
    } catch (const Error& error) {
        if (error.code() == Errc::interrupted) throw;
        return std::nullopt;
    }
}

std::optional<FoundEngine> find_engine(Services& services, const EngineProgram& wanted) {
    for (const char* folder : kProgramFolders) {
        const std::string path = fmt::format("{}/{}", folder, wanted.program);
        if (!services.root.exists(path)) continue;
        ProcessRequest request{.arguments = {path, "--version"}, .environment = environment_for_helpers()};
        request.timeout = std::chrono::milliseconds{10'000};
        const auto version = version_said(services.processes, request);
        if (!version) return std::nullopt;
        FoundEngine found{path, {wanted.engine, *version}, {}, read_engine_settings(services.root, wanted.engine)};
        found.newest = newest_cdi_version_of(found.engine);
        return found;
    }
    return std::nullopt;
}

/// Why an engine refuses a file that is valid; nullopt when it loads it.
std::optional<std::string> refusal(const FoundEngine& engine, const CdiSpec& spec) {
    if (!engine.newest) return fmt::format("{} {} has no CDI", engine.engine.name, to_text(engine.engine.version));
    const auto version = parse_cdi_version(spec.version);
    if (version && *version <= *engine.newest) return std::nullopt;
    return fmt::format("its cdiVersion is {}, {} {} loads up to {}; make it again with --for {}={}", spec.version,
                       engine.engine.name, to_text(engine.engine.version), to_text(*engine.newest), engine.engine.name,
                       to_text(engine.engine.version));
}

/// What of a file's content is not on this host, each path once.
class HostCheck {
public:
    explicit HostCheck(const Root& root) : root_{root} {}

    void look_at(const CdiEdits& edits) {
        for (const CdiMount& mount : edits.mounts) note(mount.host_path, "mounts");
        for (const CdiDeviceNode& node : edits.device_nodes)
            note(node.host_path.empty() ? node.path : node.host_path, "gives");
        for (const CdiHook& hook : edits.hooks) {
            if (hook.hook_name != "startContainer") note(hook.path, "runs");
        }
    }
    [[nodiscard]] const std::vector<std::string>& findings() const noexcept { return findings_; }

private:
    void note(const std::string& path, const char* what) {
        if (!path.starts_with('/') || !seen_.insert(path).second || root_.exists(path)) return;
        constexpr std::size_t kMost = 3;
        if (++missing_ <= kMost) {
            findings_.push_back(fmt::format("it {} '{}', which is not there", what, path));
        } else if (missing_ == kMost + 1) {
            findings_.emplace_back("and more that is not there");
        }
    }

    const Root& root_;
    std::set<std::string> seen_;
    std::size_t missing_ = 0;
    std::vector<std::string> findings_;
};

std::vector<std::string> findings_of(const Root& root, const CdiFile& file) {
    if (!file.spec) return file.faults;
    std::vector<std::string> findings = remarks_on(*file.spec);
    HostCheck check{root};
    check.look_at(file.spec->edits);
    for (const CdiDevice& device : file.spec->devices) check.look_at(device.edits);
    findings.insert(findings.end(), check.findings().begin(), check.findings().end());
    const bool of_gpus = file.spec->kind == "nvidia.com/gpu" && root.exists("/proc/driver/nvidia");
    if (of_gpus && has_mig_drift(*file.spec, DriverTree{root, "/proc"})) {
        findings.emplace_back(
            "the MIG instances are not those that it was made for; make it anew ('overdrive activate --repair' where "
            "it is overdrive's)");
    }
    return findings;
}

std::vector<std::string> general_findings(const Root& root, const CdiFolders& found) {
    std::vector<std::string> findings;
    for (const CdiConflict& conflict : found.conflicts) {
        findings.push_back(fmt::format("{} is given by {}, all of one folder: no engine resolves it; remove one",
                                       conflict.device, fmt::join(conflict.paths, " and ")));
    }
    const std::vector<ForeignUnit> rivals = find_rival_units(root);
    if (!rivals.empty()) {
        findings.push_back(
            fmt::format("'{}' writes specifications of the same GPUs; mask it (systemctl mask {}) or leave the work to "
                        "it, not both",
                        rivals.front().path, fmt::join(rival_unit_names(), " ")));
    }
    return findings;
}

/// All that the verb found out.
struct Diagnosis {
    ordered_json engines = ordered_json::array();
    ordered_json files = ordered_json::array();
    std::string text;
    std::size_t findings = 0;

    void add_line(const std::string& line) { text += line + "\n"; }
    void add_finding(const std::string& line) {
        ++findings;
        add_line("  ! " + line);
    }
};

/// What an engine's own files say: where it looks, and whether it looks at all.
void add_settings(const FoundEngine& engine, Diagnosis& diagnosis) {
    const std::string& name = engine.engine.name;
    for (const std::string& problem : engine.settings.problems) diagnosis.add_finding(problem);
    if (!engine.settings.said_by.empty()) {
        diagnosis.add_line(
            fmt::format("  looks in {} (by '{}')", fmt::join(engine.settings.folders, ", "), engine.settings.said_by));
    }
    if (engine.newest && !engine.settings.enabled.value_or(is_cdi_on_by_default(engine.engine)))
        diagnosis.add_finding(fmt::format("{} has CDI switched off: write {}", name, how_to_enable_cdi(name)));
}

void add_engines(const std::vector<FoundEngine>& engines, Diagnosis& diagnosis) {
    for (const FoundEngine& engine : engines) {
        diagnosis.engines.push_back(
            {{"name", engine.engine.name},
             {"program", engine.program},
             {"version", to_text(engine.engine.version)},
             {"newest_cdi_version", engine.newest ? ordered_json(to_text(*engine.newest)) : ordered_json(nullptr)},
             {"folders", engine.settings.folders},
             {"enabled", engine.settings.enabled.value_or(is_cdi_on_by_default(engine.engine))}});
        diagnosis.add_line(fmt::format("{} {} ({}): {}", engine.engine.name, to_text(engine.engine.version),
                                       engine.program,
                                       engine.newest ? "loads CDI up to " + to_text(*engine.newest) : "has no CDI"));
        add_settings(engine, diagnosis);
    }
    if (engines.empty()) diagnosis.add_line("no container engine was found");
}

/// Whether two paths are the same directory: /var/run is /run.
bool is_same_folder(const Root& root, const std::string& one, const std::string& other) {
    if (one == other) return true;
    const auto first = root.status(one);
    const auto second = root.status(other);
    return first && second && first->st_dev == second->st_dev && first->st_ino == second->st_ino;
}

bool looks_in(const Root& root, const FoundEngine& engine, const std::string& folder) {
    const auto& folders = engine.settings.folders;
    return std::any_of(folders.begin(), folders.end(),
                       [&](const std::string& each) { return is_same_folder(root, each, folder); });
}

void add_file(const Root& root, const CdiFile& file, const std::vector<FoundEngine>& engines, Diagnosis& diagnosis) {
    diagnosis.add_line(fmt::format("{}: {}", file.path,
                                   file.spec ? fmt::format("{}, {} devices, CDI {}", file.spec->kind,
                                                           file.spec->devices.size(), file.spec->version)
                                             : "not usable"));
    const std::vector<std::string> findings = findings_of(root, file);
    ordered_json refused = ordered_json::array();
    for (const std::string& finding : findings) diagnosis.add_finding(finding);
    const std::string folder = file.path.substr(0, file.path.rfind('/'));
    for (const FoundEngine& engine : engines) {
        if (file.spec && engine.newest && !looks_in(root, engine, folder)) {
            diagnosis.add_finding(fmt::format("{} does not look in {}: '{}' says where it does", engine.engine.name,
                                              folder, engine.settings.said_by));
            continue;
        }
        const auto why = file.spec ? refusal(engine, *file.spec) : std::nullopt;
        if (!why) continue;
        refused.push_back({{"engine", engine.engine.name}, {"why", *why}});
        // An engine without CDI is told of above; that it loads no file is no fault of the file.
        if (engine.newest) diagnosis.add_finding(fmt::format("{} refuses it: {}", engine.engine.name, *why));
    }
    diagnosis.files.push_back({{"path", file.path},
                               {"usable", file.spec.has_value()},
                               {"version", file.spec ? ordered_json(file.spec->version) : ordered_json(nullptr)},
                               {"findings", findings},
                               {"refused_by", refused}});
}

/// Those that were named; else the usual ones and, weaker, those that an engine of this host is told of.
std::vector<std::string> folders_to_look_in(const Root& root, const CdiDoctorOptions& options,
                                            const std::vector<FoundEngine>& engines) {
    std::vector<std::string> folders = folders_or_default(options.folders);
    if (!options.folders.empty()) return folders;
    for (const FoundEngine& engine : engines) {
        for (const std::string& folder : engine.settings.folders) {
            const bool known = std::any_of(folders.begin(), folders.end(),
                                           [&](const std::string& each) { return is_same_folder(root, each, folder); });
            if (!known) folders.insert(folders.begin(), folder);
        }
    }
    return folders;
}

}  // namespace

ExitCode run_cdi_doctor(const CdiDoctorOptions& options, Services& services, Report& report) {
    std::vector<FoundEngine> engines;
    for (const EngineProgram& program : kEngines) {
        if (auto engine = find_engine(services, program)) engines.push_back(std::move(*engine));
    }
    const std::vector<std::string> folders = folders_to_look_in(services.root, options, engines);
    const CdiFolders found = read_cdi_folders(services.root, folders);
    Diagnosis diagnosis;
    add_engines(engines, diagnosis);
    for (const CdiFile& file : found.files) add_file(services.root, file, engines, diagnosis);
    if (found.files.empty()) diagnosis.add_line(fmt::format("no specification in {}", fmt::join(folders, ", ")));
    const std::vector<std::string> general = general_findings(services.root, found);
    for (const std::string& finding : general) diagnosis.add_finding(finding);
    diagnosis.add_line(diagnosis.findings == 0 ? "nothing is wrong"
                                               : fmt::format("{} findings, marked with !", diagnosis.findings));
    report.result({{"schema", 1},
                   {"ok", diagnosis.findings == 0},
                   {"folders", folders},
                   {"engines", diagnosis.engines},
                   {"files", diagnosis.files},
                   {"findings", general}},
                  diagnosis.text);
    return diagnosis.findings == 0 ? ExitCode::ok : ExitCode::answer_is_no;
}

}  // namespace overdrive
