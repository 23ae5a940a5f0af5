#include "cli/cdi_cli.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <utility>

#include "verbs/cdi_apply.hpp"
#include "verbs/cdi_doctor.hpp"
#include "verbs/cdi_generate.hpp"
#include "verbs/cdi_look.hpp"

namespace overdrive {

namespace {

std::string absolute(const std::string& path) {
    return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

std::vector<std::string> absolute(std::vector<std::string> paths) {
    for (std::string& path : paths) path = absolute(path);
    return paths;
}

/// What the caller, not the host, has in FILE; `-` is standard input.
std::string read_text(const std::string& file) {
    std::ostringstream text;
    if (file == "-") {
        if (std::cin.peek() != std::char_traits<char>::eof()) text << std::cin.rdbuf();
        return text.str();
    }
    std::ifstream stream{file, std::ios::binary};
    if (!stream.is_open() || std::filesystem::is_directory(file))
        throw Error{Errc::io, fmt::format("'{}' cannot be read", file)};
    if (stream.peek() != std::char_traits<char>::eof()) text << stream.rdbuf();
    return text.str();
}

CLI::Option* add_folders(CLI::App& verb, std::vector<std::string>& folders) {
    return verb
        .add_option("--spec-dir", folders,
                    "a folder of specifications; again for more, a later one is stronger (default: /etc/cdi, then "
                    "/var/run/cdi)")
        ->type_name("DIR")
        ->allow_extra_args(false);
}

/// Lets `cdi NAME` choose what `run` does with `options`.
template <typename Options, typename Run>
void choose_cdi(CLI::App& verb, Dispatch& dispatch, std::shared_ptr<Options> options, Run run) {
    verb.callback([&dispatch, name = verb.get_name(), options = std::move(options), run] {
        dispatch.verb = "cdi " + name;
        dispatch.chosen = [options, run](Services& services, Report& report) {
            return run(*options, services, report);
        };
    });
}

/// What `cdi generate` is told, before it is judged.
struct GenerateWords {
    CdiGenerateRequest request{};
    std::vector<std::string> naming{"index", "uuid"};
    std::vector<std::string> disabled{};
    std::vector<std::string> enabled{};
    std::vector<std::string> features{};
    std::string dev_root{};
    std::string hook{};
};

void add_roots(CLI::App& verb, GenerateWords& words) {
    CdiGenerateOptions& what = words.request.what;
    verb.add_option("--driver-root", what.driver_root, "the directory that holds the driver; a link to one is followed")
        ->envname("NVIDIA_CTK_DRIVER_ROOT")
        ->type_name("DIR")
        ->capture_default_str();
    verb.add_option("--dev-root", words.dev_root,
                    "the directory that has /dev (default: the driver root where it has the driver's nodes, else /)")
        ->envname("NVIDIA_CTK_DEV_ROOT")
        ->type_name("DIR");
    verb.add_option("--proc-root", what.proc_root, "where /proc is")->type_name("DIR")->capture_default_str();
    verb.add_option("--sys-root", what.sys_root, "where /sys is")->type_name("DIR")->capture_default_str();
    verb.add_option("--target-driver-root", what.target_driver_root,
                    "where whoever reads the specification has the driver root")
        ->type_name("DIR");
    verb.add_option("--target-dev-root", what.target_dev_root, "where whoever reads the specification has the dev root")
        ->type_name("DIR");
    verb.add_option("--config-search-path", what.config_search_paths,
                    "where to look for configuration of EGL and Vulkan instead of below the driver root")
        ->envname("NVIDIA_CTK_CDI_GENERATE_CONFIG_SEARCH_PATHS")
        ->delimiter(',')
        ->type_name("DIR")
        ->allow_extra_args(false);
}

void add_output(CLI::App& verb, GenerateWords& words) {
    CdiGenerateRequest& request = words.request;
    verb.add_option("--output", request.output, "write it there, all at once, instead of to standard output")
        ->envname("NVIDIA_CTK_CDI_OUTPUT_FILE_PATH")
        ->type_name("FILE");
    verb.add_option("--format", request.format, "yaml or json (default: by the name of the output, else yaml)")
        ->envname("NVIDIA_CTK_CDI_GENERATE_OUTPUT_FORMAT")
        ->check(CLI::IsMember({"yaml", "json"}));
    verb.add_option("--max-cdi-version", request.newest,
                    "what comes out needs no newer CDI; what containers can do without is left out, else it is refused")
        ->type_name("VERSION");
    verb.add_option("--for", request.engines,
                    "the same by what an engine loads: podman=4.9, docker=26.1; again for more")
        ->type_name("ENGINE=VERSION")
        ->allow_extra_args(false);
    verb.add_flag("--dry-run", request.dry_run, "print the specification and write nothing");
}

void add_devices(CLI::App& verb, GenerateWords& words) {
    CdiGenerateOptions& what = words.request.what;
    verb.add_option("--mode,--discovery-mode", what.mode,
                    "what is described: auto, nvml (GPUs, by the driver's management library), management, gds, mofed, "
                    "gdrcopy, imex, nvswitch")
        ->envname("NVIDIA_CTK_CDI_GENERATE_MODE")
        ->type_name("MODE")
        ->capture_default_str();
    verb.add_flag_callback(
        "--no-nvml", [&what] { what.nvml = CdiNvml::never; }, "go by /proc and /sys alone, whatever they do not tell");
    verb.add_option("--device-name-strategy", words.naming,
                    "index, uuid or type-index; again for more (default: index and uuid)")
        ->envname("NVIDIA_CTK_CDI_GENERATE_DEVICE_NAME_STRATEGIES")
        ->type_name("STRATEGY")
        ->delimiter(',')
        ->allow_extra_args(false);
    verb.add_option("--device-id,--device-ids,--device,--devices", what.device_ids,
                    "only these devices, by index or UUID; 'none': none (default: all)")
        ->envname("NVIDIA_CTK_CDI_GENERATE_DEVICE_IDS")
        ->type_name("ID")
        ->delimiter(',')
        ->allow_extra_args(false);
    verb.add_flag("--no-all-device", what.no_all_device, "leave out the device 'all'")
        ->envname("NVIDIA_CTK_CDI_GENERATE_NO_ALL_DEVICE");
    verb.add_option("--vendor,--cdi-vendor", what.vendor, "the kind's vendor")
        ->envname("NVIDIA_CTK_CDI_GENERATE_VENDOR")
        ->type_name("NAME")
        ->capture_default_str();
    verb.add_option("--class,--cdi-class", what.class_name, "the kind's class (default: gpu, or what fits the mode)")
        ->envname("NVIDIA_CTK_CDI_GENERATE_CLASS")
        ->type_name("NAME");
    verb.add_option("--allow-missing", what.allow_missing,
                    "go on without this library: libcuda or libnvidia-ml; again for both")
        ->type_name("LIBRARY")
        ->allow_extra_args(false);
}

void add_hooks(CLI::App& verb, GenerateWords& words) {
    verb.add_option("--nvidia-cdi-hook-path,--nvidia-ctk-path,--hook-path", words.hook,
                    "the hooks' program on the host (default: overdrive-cdi-hook, else nvidia-cdi-hook)")
        ->envname("NVIDIA_CTK_CDI_HOOK_PATH")
        ->type_name("FILE");
    verb.add_option("--ldconfig-path", words.request.what.hooks.ldconfig_path, "given to the hook update-ldcache")
        ->envname("NVIDIA_CTK_CDI_GENERATE_LDCONFIG_PATH")
        ->type_name("FILE");
    verb.add_option("--disable-hook,--disable-hooks", words.disabled, "leave out a hook by name, or all")
        ->envname("NVIDIA_CTK_CDI_GENERATE_DISABLED_HOOKS")
        ->type_name("HOOK")
        ->delimiter(',')
        ->allow_extra_args(false);
    verb.add_option("--enable-hook,--enable-hooks", words.enabled,
                    "put in a hook that is off (chmod), or that --disable-hook names")
        ->envname("NVIDIA_CTK_CDI_GENERATE_ENABLED_HOOKS")
        ->type_name("HOOK")
        ->delimiter(',')
        ->allow_extra_args(false);
    verb.add_option("--feature-flag,--feature-flags", words.features,
                    "as of nvidia-ctk: no-additional-gids-for-device-nodes and others")
        ->envname("NVIDIA_CTK_CDI_GENERATE_FEATURE_FLAGS")
        ->type_name("FLAG")
        ->delimiter(',')
        ->allow_extra_args(false);
}

ExitCode run_generate(const GenerateWords& words, Services& services, Report& report) {
    CdiGenerateRequest request = words.request;
    CdiGenerateOptions& what = request.what;
    request.output = absolute(request.output);
    for (std::string* path : {&what.driver_root, &what.proc_root, &what.sys_root}) *path = absolute(*path);
    if (!words.dev_root.empty()) what.dev_root = absolute(words.dev_root);
    what.config_search_paths = absolute(what.config_search_paths);
    what.naming.clear();
    for (const std::string& strategy : words.naming) what.naming.push_back(parse_cdi_naming(strategy));
    what.hooks.disabled = {words.disabled.begin(), words.disabled.end()};
    what.hooks.enabled = {words.enabled.begin(), words.enabled.end()};
    what.feature_flags = {words.features.begin(), words.features.end()};
    request.hook_chosen = !words.hook.empty();
    if (request.hook_chosen) what.hooks.path = words.hook;
    return run_cdi_generate(request, services, report);
}

void add_generate(CLI::App& cdi, Dispatch& dispatch) {
    CLI::App* verb = cdi.add_subcommand("generate", "make the specification of this host's GPUs and driver");
    verb->footer(
        "Whole GPUs are found by what the driver says under /proc; MIG instances, and GPUs whose UUID is not known "
        "yet,\n"
        "by its management library. Name a driver of overdrive by its directory:\n"
        "  overdrive cdi generate --driver-root /opt/nvidia/current --output /run/cdi/overdrive-nvidia.yaml");
    const auto words = std::make_shared<GenerateWords>();
    add_roots(*verb, *words);
    add_devices(*verb, *words);
    add_hooks(*verb, *words);
    add_output(*verb, *words);
    choose_cdi(*verb, dispatch, words, run_generate);
}

/// A verb that reads one specification of the caller.
CLI::App* add_reading(CLI::App& cdi, const char* name, const char* description, std::string& file) {
    CLI::App* verb = cdi.add_subcommand(name, description);
    verb->add_option("FILE", file, "a specification as YAML or JSON; - is standard input")
        ->required()
        ->type_name("FILE");
    return verb;
}

void add_looking(CLI::App& cdi, Dispatch& dispatch) {
    const auto list = std::make_shared<CdiListOptions>();
    CLI::App* list_verb = cdi.add_subcommand("list", "the devices that engines find on this host, one a line");
    add_folders(*list_verb, list->folders);
    choose_cdi(*list_verb, dispatch, list, [](const CdiListOptions& options, Services& services, Report& report) {
        return run_cdi_list({absolute(options.folders)}, services, report);
    });

    const auto checked = std::make_shared<std::string>();
    choose_cdi(*add_reading(cdi, "validate", "do engines load this specification? exit code 0 or 8", *checked),
               dispatch, checked, [](const std::string& file, Services& services, Report& report) {
                   return run_cdi_validate({file, read_text(file)}, services, report);
               });

    const auto measured = std::make_shared<std::string>();
    choose_cdi(
        *add_reading(cdi, "min-version", "the lowest CDI version that has all that is in a specification", *measured),
        dispatch, measured, [](const std::string& file, Services& services, Report& report) {
            return run_cdi_min_version({file, read_text(file)}, services, report);
        });
}

void add_changing(CLI::App& cdi, Dispatch& dispatch) {
    const auto apply = std::make_shared<CdiApplyOptions>();
    CLI::App* apply_verb =
        cdi.add_subcommand("apply", "put devices into an OCI config.json: standard input to standard output");
    apply_verb->add_option("NAME", apply->devices, "qualified names: nvidia.com/gpu=all")->type_name("NAME");
    apply_verb->add_flag("--from-annotations", apply->from_annotations,
                         "also the devices that the configuration's annotations cdi.k8s.io/... ask for");
    add_folders(*apply_verb, apply->folders);
    choose_cdi(*apply_verb, dispatch, apply, [](CdiApplyOptions options, Services& services, Report& report) {
        options.folders = absolute(options.folders);
        options.config = read_text("-");
        return run_cdi_apply(options, services, report);
    });

    const auto transform = std::make_shared<CdiTransformOptions>();
    CLI::App* transform_verb = add_reading(
        cdi, "transform", "print a specification with its paths moved to another root", transform->spec.name);
    transform_verb->add_option("--from", transform->from, "the root that paths have now")->required()->type_name("DIR");
    transform_verb->add_option("--to", transform->to, "the root that they get")->required()->type_name("DIR");
    transform_verb
        ->add_option_function<std::string>(
            "--relative-to", [transform](const std::string& whose) { transform->in_container = whose == "container"; },
            "whose paths are moved (default host)")
        ->check(CLI::IsMember({"host", "container"}));
    transform_verb
        ->add_option_function<std::string>(
            "--format", [transform](const std::string& format) { transform->json = format == "json"; },
            "of what is printed (default yaml)")
        ->check(CLI::IsMember({"yaml", "json"}));
    choose_cdi(*transform_verb, dispatch, transform,
               [](CdiTransformOptions options, Services& services, Report& report) {
                   options.spec.text = read_text(options.spec.name);
                   return run_cdi_transform(options, services, report);
               });
}

void add_doctor(CLI::App& cdi, Dispatch& dispatch) {
    const auto options = std::make_shared<CdiDoctorOptions>();
    CLI::App* verb =
        cdi.add_subcommand("doctor", "which specifications do this host's engines load, which not, and why");
    verb->footer("Changes nothing. Exit code 0: nothing is wrong; 8: something was found.");
    add_folders(*verb, options->folders);
    choose_cdi(*verb, dispatch, options, [](const CdiDoctorOptions& said, Services& services, Report& report) {
        return run_cdi_doctor({absolute(said.folders)}, services, report);
    });
}

}  // namespace

void add_cdi_verb(CLI::App& app, Dispatch& dispatch) {
    CLI::App* cdi = app.add_subcommand("cdi", "specifications by which container engines give GPUs to containers");
    cdi->require_subcommand(1);
    cdi->footer(
        "The Container Device Interface: a file in /etc/cdi or /run/cdi that podman, docker, containerd and cri-o\n"
        "read, so that 'podman run --device nvidia.com/gpu=all' has what it needs of the driver.");
    add_generate(*cdi, dispatch);
    add_looking(*cdi, dispatch);
    add_changing(*cdi, dispatch);
    add_doctor(*cdi, dispatch);
}

}  // namespace overdrive
