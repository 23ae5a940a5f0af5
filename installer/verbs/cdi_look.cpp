#include "verbs/cdi_look.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

#include "cdi/folders.hpp"
#include "cdi/read_spec.hpp"
#include "cdi/validate.hpp"
#include "cdi/version.hpp"

namespace overdrive {

using nlohmann::ordered_json;

std::vector<std::string> folders_or_default(const std::vector<std::string>& folders) {
    if (!folders.empty()) return folders;
    return {std::begin(kCdiFolders), std::end(kCdiFolders)};
}

ExitCode run_cdi_list(const CdiListOptions& options, Services& services, Report& report) {
    const CdiFolders found = read_cdi_folders(services.root, folders_or_default(options.folders));
    ordered_json devices = ordered_json::array();
    ordered_json files = ordered_json::array();
    ordered_json conflicts = ordered_json::array();
    std::string text;
    for (const auto& [name, file] : found.devices) {
        devices.push_back({{"name", name}, {"path", found.files[file].path}});
        text += name + "\n";
    }
    for (const CdiFile& file : found.files) {
        files.push_back({{"path", file.path}, {"usable", file.spec.has_value()}, {"faults", file.faults}});
        if (!file.spec) report.warn(fmt::format("'{}' is not usable: {}", file.path, fmt::join(file.faults, "; ")));
    }
    for (const CdiConflict& conflict : found.conflicts) {
        conflicts.push_back({{"name", conflict.device}, {"paths", conflict.paths}});
        report.warn(fmt::format("{} is given by {}, all of one folder, so engines do not resolve it", conflict.device,
                                fmt::join(conflict.paths, " and ")));
    }
    report.result({{"schema", 1}, {"devices", devices}, {"files", files}, {"conflicts", conflicts}}, text);
    return ExitCode::ok;
}

ExitCode run_cdi_validate(const CdiText& spec, Services& /*services*/, Report& report) {
    std::vector<std::string> faults;
    std::vector<std::string> remarks;
    ordered_json needs = nullptr;
    std::string summary;
    try {
        const CdiSpec read = read_cdi_spec(spec.text, spec.name);
        faults = faults_of(read);
        remarks = remarks_on(read);
        needs = to_text(minimum_cdi_version(read));
        summary = fmt::format("valid: {} with {} devices, CDI {} (what is in it needs {})\n", read.kind,
                              read.devices.size(), read.version, needs.get<std::string>());
    } catch (const Error& error) {
        faults = {error.what()};
    }
    for (const std::string& remark : remarks) report.warn(remark);
    std::string text = faults.empty() ? summary : "not valid\n";
    for (const std::string& fault : faults) text += fmt::format("  {}\n", fault);
    report.result({{"schema", 1},
                   {"valid", faults.empty()},
                   {"faults", faults},
                   {"remarks", remarks},
                   {"minimum_version", needs}},
                  text);
    return faults.empty() ? ExitCode::ok : ExitCode::answer_is_no;
}

ExitCode run_cdi_min_version(const CdiText& spec, Services& /*services*/, Report& report) {
    const std::string version = to_text(minimum_cdi_version(read_cdi_spec(spec.text, spec.name)));
    report.result({{"schema", 1}, {"minimum_version", version}}, version + "\n");
    return ExitCode::ok;
}

}  // namespace overdrive
