#include "verbs/cdi_generate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "cdi/engines.hpp"
#include "cdi/fit_version.hpp"
#include "cdi/validate.hpp"
#include "cdi/write_spec.hpp"

namespace overdrive {

namespace {

/// The vendor's helper, where no one said which and ours is not installed; the last one when there is none at all, as
/// the container toolkit does it.
constexpr std::array kOtherHooks{"/usr/local/bin/nvidia-cdi-hook", "/usr/bin/nvidia-cdi-hook"};

/// Where the program is once it is installed.
constexpr const char* kProgramFolder = "/opt/overdrive/current/bin";

std::string find_hook(const Root& root, std::vector<std::string>& remarks) {
    if (auto hook = find_cdi_hook(root)) return *hook;
    remarks.push_back(fmt::format(
        "no hook helper is on this host; the specification names '{}', and containers start only once it is there",
        kOtherHooks.back()));
    return kOtherHooks.back();
}

/// The newest version that all who are to read it load; nullopt when nobody was named.
std::optional<CdiVersion> most_wanted(const CdiGenerateRequest& request) {
    std::optional<CdiVersion> newest;
    const auto at_most = [&](const CdiVersion& version) { newest = newest ? std::min(*newest, version) : version; };
    if (request.newest) {
        if (!is_known_cdi_version(*request.newest))
            throw Error{Errc::usage, fmt::format("there is no CDI version '{}'", *request.newest)};
        at_most(*parse_cdi_version(*request.newest));
    }
    for (const std::string& text : request.engines) {
        const CdiEngine engine = parse_cdi_engine(text);
        const auto loads = newest_cdi_version_of(engine);
        if (!loads) {
            throw Error{Errc::unsupported,
                        fmt::format("{} {} loads no CDI specification", engine.name, to_text(engine.version))}
                .with_remedy("podman does from 4.1, docker from 25.0, containerd from 1.7, cri-o from 1.24");
        }
        at_most(*loads);
    }
    return newest;
}

/// Empty when it cannot be told. The host's facts have it too, but a specification is made where they cannot be read: a
/// container, or a tree that is no host's.
std::string running_kernel_release() {
    utsname kernel{};
    return uname(&kernel) == 0 ? std::string{static_cast<const char*>(kernel.release)} : std::string{};
}

bool is_json(const CdiGenerateRequest& request) {
    if (request.format) return *request.format == "json";
    return request.output.ends_with(".json");
}

}  // namespace

std::optional<std::string> find_cdi_hook(const Root& root) {
    if (root.exists(kOwnCdiHook)) return kOwnCdiHook;
    for (const char* path : kOtherHooks) {
        if (root.exists(path)) return path;
    }
    return std::nullopt;
}

std::string nvml_helper() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    return (error ? std::filesystem::path{kProgramFolder} : self.parent_path()) / "overdrive-nvml";
}

ExitCode run_cdi_generate(const CdiGenerateRequest& request, Services& services, Report& report) {
    std::vector<std::string> remarks;
    CdiGenerateOptions what = request.what;
    if (!request.hook_chosen) what.hooks.path = find_hook(services.root, remarks);
    what.kernel_release = running_kernel_release();
    const auto newest = most_wanted(request);
    FittedSpec fitted{generate_cdi_spec(services.root, what, ask_nvml_by(services.processes, nvml_helper()), remarks),
                      {}};
    if (newest) fitted = fit_cdi_version(std::move(fitted.spec), *newest);
    const CdiSpec& spec = fitted.spec;
    if (const auto faults = faults_of(spec); !faults.empty())
        throw Error{Errc::bad_manifest, fmt::format("the specification would not be valid: {}", faults.front())};
    for (const auto& list : {remarks, fitted.dropped}) {
        for (const std::string& remark : list) report.warn(remark);
    }
    const std::string text = is_json(request) ? to_json(spec) : to_yaml(spec);
    const bool writes = !request.output.empty() && !request.dry_run;
    if (writes) {
        services.root.make_directories(request.output.substr(0, request.output.rfind('/') + 1));
        services.root.write_file(request.output, text);
    }
    nlohmann::ordered_json names = nlohmann::ordered_json::array();
    for (const CdiDevice& device : spec.devices) names.push_back(spec.kind + "=" + device.name);
    report.result(
        {{"schema", 1},
         {"version", spec.version},
         {"devices", names},
         {"path", writes ? nlohmann::ordered_json(request.output) : nlohmann::ordered_json(nullptr)},
         {"dropped", fitted.dropped},
         {"remarks", remarks},
         {"specification", to_document(spec)}},
        writes ? fmt::format("wrote '{}': CDI {}, {} devices\n", request.output, spec.version, names.size()) : text);
    return ExitCode::ok;
}

}  // namespace overdrive
