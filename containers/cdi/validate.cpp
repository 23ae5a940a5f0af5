#include "cdi/validate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "cdi/names.hpp"
#include "cdi/version.hpp"

namespace overdrive {

namespace {

constexpr std::array<std::string_view, 6> kHookNames{"prestart",       "createRuntime", "createContainer",
                                                     "startContainer", "poststart",     "poststop"};
/// Linux: NAME_MAX would be 255, the library allows less than PATH_MAX.
constexpr std::size_t kMostClosId = 4096;
/// Of all annotations of one object together, as Kubernetes has it.
constexpr std::size_t kMostAnnotationBytes = 256U << 10U;

using Faults = std::vector<std::string>;

void check_env(const std::vector<std::string>& env, const std::string& where, Faults& faults) {
    for (const std::string& entry : env) {
        const std::size_t equals = entry.find('=');
        if (equals == 0 || equals == std::string::npos)
            faults.push_back(fmt::format("{}: environment '{}' is not NAME=VALUE", where, entry));
    }
}

void check_node(const CdiDeviceNode& node, const std::string& where, Faults& faults) {
    if (node.path.empty()) {
        faults.push_back(fmt::format("{}: a device node has no path", where));
        return;
    }
    static constexpr std::array<std::string_view, 5> kTypes{"", "b", "c", "u", "p"};
    if (std::find(kTypes.begin(), kTypes.end(), node.type) == kTypes.end())
        faults.push_back(
            fmt::format("{}: device node '{}' has type '{}'; b, c, u and p exist", where, node.path, node.type));
    if (node.major_number < 0 || node.minor_number < 0)
        faults.push_back(fmt::format("{}: device node '{}' has a negative device number", where, node.path));
    if (node.permissions != "none" && node.permissions.find_first_not_of("rwm") != std::string::npos)
        faults.push_back(fmt::format("{}: device node '{}' has permissions '{}'; r, w and m exist", where, node.path,
                                     node.permissions));
}

void check_hook(const CdiHook& hook, const std::string& where, Faults& faults) {
    if (std::find(kHookNames.begin(), kHookNames.end(), hook.hook_name) == kHookNames.end())
        faults.push_back(fmt::format("{}: there is no hook '{}'", where, hook.hook_name));
    if (hook.path.empty()) faults.push_back(fmt::format("{}: hook '{}' has no path", where, hook.hook_name));
    check_env(hook.env, fmt::format("{}: hook '{}'", where, hook.hook_name), faults);
}

void check_mount(const CdiMount& mount, const std::string& where, Faults& faults) {
    if (mount.host_path.empty())
        faults.push_back(fmt::format("{}: the mount at '{}' has no path on the host", where, mount.container_path));
    if (mount.container_path.empty())
        faults.push_back(fmt::format("{}: the mount of '{}' has no path in the container", where, mount.host_path));
}

void check_clos_id(const std::string& id, const std::string& where, Faults& faults) {
    if (id == "/") return;  // the root class
    if (id.size() >= kMostClosId || id == "." || id == ".." || id.find_first_of("/\n") != std::string::npos)
        faults.push_back(fmt::format("{}: the closID of intelRdt is no file name", where));
}

void check_net_devices(const std::vector<CdiNetDevice>& devices, const std::string& where, Faults& faults) {
    std::set<std::string> on_host;
    std::set<std::string> in_container;
    for (const CdiNetDevice& device : devices) {
        if (device.host_interface_name.empty() || device.name.empty()) {
            faults.push_back(
                fmt::format("{}: a network device needs its name on the host and in the container", where));
            continue;
        }
        if (!on_host.insert(device.host_interface_name).second)
            faults.push_back(fmt::format("{}: network device '{}' is there twice", where, device.host_interface_name));
        if (!in_container.insert(device.name).second)
            faults.push_back(fmt::format("{}: two network devices become '{}'", where, device.name));
    }
}

/// `prefix/name`, each as Kubernetes has it.
bool is_annotation_key(std::string_view key) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const auto good = [&](std::string_view part, std::string_view between, std::size_t most) {
        return !part.empty() && part.size() <= most && kLetters.find(part.front()) != std::string_view::npos &&
               kLetters.find(part.back()) != std::string_view::npos &&
               part.find_first_not_of(std::string{kLetters} + std::string{between}) == std::string_view::npos;
    };
    const std::size_t slash = key.find('/');
    if (slash == std::string_view::npos) return good(key, "-_.", 63);
    return good(key.substr(0, slash), "-.", 253) && good(key.substr(slash + 1), "-_.", 63);
}

void check_annotations(const std::map<std::string, std::string>& annotations, const std::string& where,
                       Faults& faults) {
    std::size_t bytes = 0;
    for (const auto& [key, value] : annotations) {
        bytes += key.size() + value.size();
        if (!is_annotation_key(key)) faults.push_back(fmt::format("{}: '{}' is no key of an annotation", where, key));
    }
    if (bytes > kMostAnnotationBytes)
        faults.push_back(
            fmt::format("{}: {} bytes of annotations; {} are allowed", where, bytes, kMostAnnotationBytes));
}

void check_version(const CdiSpec& spec, Faults& faults) {
    if (!is_known_cdi_version(spec.version)) {
        faults.push_back(spec.version.empty() ? "cdiVersion is missing"
                                              : fmt::format("cdiVersion '{}' does not exist", spec.version));
        return;
    }
    const CdiVersion needed = minimum_cdi_version(spec);
    if (*parse_cdi_version(spec.version) < needed)
        faults.push_back(
            fmt::format("cdiVersion is {}, but what is in it needs at least {}", spec.version, to_text(needed)));
}

void check_kind(const std::string& kind, Faults& faults) {
    const auto parts = split_cdi_kind(kind);
    if (!parts) {
        faults.push_back(fmt::format("kind '{}' is not vendor/class", kind));
        return;
    }
    for (const auto& fault : {fault_of_vendor(parts->first), fault_of_class(parts->second)}) {
        if (fault) faults.push_back(fmt::format("kind '{}': {}", kind, *fault));
    }
}

}  // namespace

std::vector<std::string> faults_of(const CdiEdits& edits, const std::string& where) {
    Faults faults;
    check_env(edits.env, where, faults);
    for (const CdiDeviceNode& node : edits.device_nodes) check_node(node, where, faults);
    for (const CdiHook& hook : edits.hooks) check_hook(hook, where, faults);
    for (const CdiMount& mount : edits.mounts) check_mount(mount, where, faults);
    if (edits.intel_rdt) check_clos_id(edits.intel_rdt->clos_id, where, faults);
    check_net_devices(edits.net_devices, where, faults);
    return faults;
}

std::vector<std::string> faults_of(const CdiSpec& spec) {
    Faults faults;
    check_version(spec, faults);
    check_kind(spec.kind, faults);
    check_annotations(spec.annotations, "the specification", faults);
    if (spec.devices.empty()) faults.emplace_back("there are no devices");
    std::set<std::string> names;
    for (const CdiDevice& device : spec.devices) {
        const std::string where = fmt::format("device '{}'", device.name);
        if (const auto fault = fault_of_device_name(device.name)) faults.push_back(*fault);
        if (!names.insert(device.name).second) faults.push_back(fmt::format("{} is there twice", where));
        check_annotations(device.annotations, where, faults);
        if (device.edits.empty()) faults.push_back(fmt::format("{} changes nothing in a container", where));
        for (std::string& fault : faults_of(device.edits, where)) faults.push_back(std::move(fault));
    }
    for (std::string& fault : faults_of(spec.edits, "containerEdits")) faults.push_back(std::move(fault));
    return faults;
}

std::vector<std::string> remarks_on(const CdiSpec& spec) {
    std::vector<std::string> remarks;
    const auto look_at = [&](const CdiEdits& edits, const std::string& where) {
        for (const CdiHook& hook : edits.hooks) {
            if (!hook.env.empty()) continue;
            remarks.push_back(fmt::format(
                "{}: hook '{}' has no environment, so runc runs it with the image's own, LD_PRELOAD included, and the "
                "host's rights (CVE-2025-23266); give it one entry",
                where, hook.path));
        }
        if (edits.intel_rdt && (edits.intel_rdt->enable_cmt || edits.intel_rdt->enable_mbm))
            remarks.push_back(fmt::format("{}: engines of CDI 1.1.0 refuse enableCMT and enableMBM", where));
    };
    look_at(spec.edits, "containerEdits");
    for (const CdiDevice& device : spec.devices) look_at(device.edits, fmt::format("device '{}'", device.name));
    const auto kind = split_cdi_kind(spec.kind);
    if (kind && (kind->first.size() == 1 || kind->second.size() == 1))
        remarks.push_back(fmt::format("kind '{}': Podman 4.3 crashes on a vendor or class of one letter", spec.kind));
    return remarks;
}

}  // namespace overdrive
