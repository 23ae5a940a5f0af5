#include "wiring/preflight_reader.hpp"

#include <fmt/format.h>

#include "devices/foreign_drivers.hpp"
#include "devices/generation_place.hpp"
#include "devices/kernel_policy_reader.hpp"
#include "model/supported_gpus.hpp"
#include "modules/host_modules.hpp"
#include "modules/module_facts_reader.hpp"

namespace overdrive {

namespace {

/// The firmware path that is in force when the modules are loaded: ours, unless somebody else's is set.
std::string firmware_directory(const PreflightRequest& request) {
    const std::string& set = request.host.firmware_path;
    return set.empty() || set.starts_with("/opt/nvidia/") ? request.generation + "/lib/firmware" : set;
}

/// Where the kernel looks after the path that is set. @see Documentation/driver-api/firmware/fw_search_path.rst
std::vector<std::string> firmware_directories(const PreflightRequest& request) {
    const std::string kernel = request.host.kernel_release;
    return {firmware_directory(request), fmt::format("/lib/firmware/updates/{}", kernel), "/lib/firmware/updates",
            fmt::format("/lib/firmware/{}", kernel), "/lib/firmware"};
}

std::set<std::string> present_firmware(const Root& root, const PreflightRequest& request,
                                       const std::vector<ModuleFacts>& modules) {
    std::set<std::string> present;
    for (const ModuleFacts& module : modules) {
        for (const std::string& path : module.firmware) {
            if (!is_plain_relative_path(path)) continue;
            for (const std::string& directory : firmware_directories(request)) {
                const auto status = root.status(fmt::format("{}/{}", directory, path));
                if (status && S_ISREG(status->st_mode) && status->st_size > 0) present.insert(path);
            }
        }
    }
    return present;
}

std::optional<std::vector<SupportedGpu>> read_supported(const Root& root, const std::string& generation) {
    try {
        const auto text = root.read_file(fmt::format("{}/{}", generation, kSupportedGpusFile), 1U << 20U);
        if (!text) return std::nullopt;
        return parse_supported_gpus(*text);
    } catch (const Error&) {
        return std::nullopt;
    }
}

/// One file of each kind: of a mislabelled tree all are.
std::vector<std::string> sample_of(const DriverManifest& manifest) {
    std::vector<std::string> paths;
    if (!manifest.modules.empty()) paths.push_back(manifest.modules.front().path);
    if (!manifest.libraries.empty()) paths.push_back("lib64/" + manifest.libraries.front());
    if (!manifest.programs.empty()) paths.push_back("bin/" + manifest.programs.front());
    if (!manifest.firmware.empty()) paths.push_back("lib/firmware/" + manifest.firmware.front());
    return paths;
}

std::optional<std::string> loaded_srcversion(const Root& root) {
    auto text = root.read_file("/sys/module/nvidia/srcversion", 4096);
    if (text) text->erase(text->find_last_not_of('\n') + 1);
    return text;
}

void read_generation_facts(const Root& root, const DriverManifest& manifest, const PreflightRequest& request,
                           PreflightFacts& facts) {
    std::vector<ModuleFacts> modules = read_module_facts(root, manifest, request.generation);
    facts.certificate = read_signer_certificate(root, manifest, request.generation);
    facts.shipped_symbols = read_shipped_symbols(root, manifest, request.generation);
    const auto& built_for = manifest.build_id;
    const bool is_that_kernel = facts.shipped_symbols && built_for && built_for == request.host.kernel_build_id;
    HostModules own = read_host_modules(root, request.host.kernel_release, is_that_kernel ? Depth::few : Depth::many);
    facts.host_symbols = std::move(own.symbols);
    facts.host_vermagic = std::move(own.vermagic);
    facts.host_signers = std::move(own.signers);
    facts.loaded_srcversion = loaded_srcversion(root);
    facts.firmware_directory = firmware_directory(request);
    facts.firmware = present_firmware(root, request, modules);
    if (!modules.empty()) facts.modules = std::move(modules);
    facts.noexec = is_noexec(root, request.generation);
    facts.wrong_labels = find_wrong_labels(root, request.generation, sample_of(manifest));
    facts.supported = read_supported(root, request.generation);
}

}  // namespace

PreflightFacts read_preflight_facts(const Root& root, const PreflightRequest& request) {
    PreflightFacts facts;
    facts.policy = read_kernel_policy(root);
    facts.foreign_drivers = find_foreign_drivers(root, request.host, !request.at_boot);
    if (request.manifest != nullptr) read_generation_facts(root, *request.manifest, request, facts);
    return facts;
}

}  // namespace overdrive
