#include "verbs/cdi_apply.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cdi/annotations.hpp"
#include "cdi/apply.hpp"
#include "cdi/folders.hpp"
#include "cdi/names.hpp"
#include "cdi/read_spec.hpp"
#include "cdi/transform.hpp"
#include "cdi/write_spec.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

std::optional<HostNode> node_at(const Root& root, const std::string& path) {
    const auto status = root.link_status(path);
    if (!status) return std::nullopt;
    HostNode node;
    if (S_ISBLK(status->st_mode)) {
        node.type = 'b';
    } else if (S_ISFIFO(status->st_mode)) {
        node.type = 'p';
    } else if (!S_ISCHR(status->st_mode)) {
        return std::nullopt;
    }
    node.major_number = major(status->st_rdev);
    node.minor_number = minor(status->st_rdev);
    node.mode = status->st_mode & 07777U;
    return node;
}

ordered_json parse_config(const std::string& text) {
    ordered_json config = ordered_json::parse(text, nullptr, false);
    if (config.is_discarded() || !config.is_object())
        throw Error{Errc::bad_manifest, "standard input is no OCI runtime configuration: it is no JSON object"};
    return config;
}

std::vector<std::string> annotated_devices(const ordered_json& config) {
    std::map<std::string, std::string> annotations;
    if (config.contains("annotations") && config["annotations"].is_object()) {
        for (const auto& [key, value] : config["annotations"].items()) {
            if (value.is_string()) annotations[key] = value.get<std::string>();
        }
    }
    return devices_in_annotations(annotations);
}

}  // namespace

ExitCode run_cdi_apply(const CdiApplyOptions& options, Services& services, Report& report) {
    ordered_json config = parse_config(options.config);
    std::vector<std::string> names;
    for (const std::string& device : options.devices) names.push_back(parse_cdi_name(device).text());
    if (options.from_annotations) {
        for (std::string& device : annotated_devices(config)) names.push_back(std::move(device));
    }
    const CdiFolders found = read_cdi_folders(services.root, folders_or_default(options.folders));
    apply_cdi_edits(config, resolve_cdi_devices(found, names),
                    [&](const std::string& path) { return node_at(services.root, path); });
    report.result(config, config.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
    return ExitCode::ok;
}

ExitCode run_cdi_transform(const CdiTransformOptions& options, Services& /*services*/, Report& report) {
    CdiSpec spec = read_cdi_spec(options.spec.text, options.spec.name);
    move_root(spec, options.from, options.to, options.in_container ? PathsOf::container : PathsOf::host);
    report.result(to_document(spec), options.json ? to_json(spec) : to_yaml(spec));
    return ExitCode::ok;
}

}  // namespace overdrive
