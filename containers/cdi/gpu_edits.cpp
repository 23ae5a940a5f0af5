#include "cdi/gpu_edits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "support/error.hpp"

namespace overdrive {

namespace {

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

void GpuEdits::add_required(const std::string& path, CdiEdits& edits) const {
    if (nodes_.add(path, edits)) return;
    throw Error{Errc::device_nodes, fmt::format("'{}' is no device node", nodes_.tree().on_host(path))}.with_remedy(
        "'overdrive activate' makes the driver's nodes; --dev-root says where they are");
}

void GpuEdits::add_drm(const GpuDevice& gpu, CdiEdits& edits) const {
    std::vector<std::string> added;
    for (const std::string& name : sys_.files().list(fmt::format("/bus/pci/devices/{}/drm", gpu.address))) {
        if (!name.starts_with("card") && !name.starts_with("renderD")) continue;
        if (nodes_.add("/dev/dri/" + name, edits)) added.push_back(name);
    }
    std::vector<std::string> links;
    for (const char* kind : {"card", "render"}) {
        const std::string link = fmt::format("/dev/dri/by-path/pci-{}-{}", gpu.address, kind);
        const auto status = nodes_.tree().files().link_status(link);
        if (!status || !S_ISLNK(status->st_mode)) continue;
        const std::string target = nodes_.tree().files().read_link(link).value_or("");
        if (std::find(added.begin(), added.end(), name_of(target)) != added.end())
            links.push_back(target + "::" + link);
    }
    if (auto hook = hooks_.make("create-symlinks", links); hook && !links.empty())
        edits.hooks.push_back(std::move(*hook));
}

std::string GpuEdits::capability_node(const std::string& capability) const {
    const auto found = mig_minors_.find(capability);
    if (found == mig_minors_.end()) {
        throw Error{Errc::device_nodes,
                    fmt::format("/proc/driver/nvidia-caps/mig-minors has no number for '{}'", capability)};
    }
    return fmt::format("/dev/nvidia-caps/nvidia-cap{}", found->second);
}

CdiEdits GpuEdits::whole(const GpuDevice& gpu) const {
    CdiEdits edits;
    add_required(fmt::format("/dev/nvidia{}", gpu.minor_number), edits);
    add_drm(gpu, edits);
    add_folder_hook(edits, hooks_);
    return edits;
}

CdiEdits GpuEdits::instance(const GpuDevice& gpu, const MigInstance& instance) const {
    CdiEdits edits;
    const std::string gi = fmt::format("gpu{}/gi{}", gpu.minor_number, instance.gpu_instance);
    add_required(fmt::format("/dev/nvidia{}", gpu.minor_number), edits);
    add_required(capability_node(gi + "/access"), edits);
    add_required(capability_node(fmt::format("{}/ci{}/access", gi, instance.compute_instance)), edits);
    if (instance.graphics) add_drm(gpu, edits);
    add_folder_hook(edits, hooks_);
    return edits;
}

void add_folder_hook(CdiEdits& edits, const CdiHookMaker& hooks) {
    std::vector<std::string> args{"--mode", "755"};
    for (const std::string& folder : {std::string{"/dev/dri"}, std::string{"/dev/nvidia-caps"}}) {
        const auto inside = [&](const CdiDeviceNode& node) { return node.path.starts_with(folder + "/"); };
        if (std::any_of(edits.device_nodes.begin(), edits.device_nodes.end(), inside))
            args.insert(args.end(), {"--path", folder});
    }
    if (args.size() == 2) return;
    if (auto hook = hooks.make("chmod", args)) edits.hooks.push_back(std::move(*hook));
}

CdiNaming parse_cdi_naming(std::string_view text) {
    if (text == "index") return CdiNaming::index;
    if (text == "uuid") return CdiNaming::uuid;
    if (text == "type-index") return CdiNaming::type_index;
    throw Error{Errc::usage, fmt::format("'{}' is no way to name devices; index, uuid and type-index are", text)};
}

std::vector<std::string> cdi_names(const std::vector<CdiNaming>& naming, const GpuDevice& gpu,
                                   const MigInstance* instance) {
    const std::string index =
        instance == nullptr ? fmt::format("{}", gpu.index) : fmt::format("{}:{}", gpu.index, instance->index);
    const std::string& uuid = instance == nullptr ? gpu.uuid : instance->uuid;
    std::vector<std::string> names;
    for (const CdiNaming way : naming) {
        if (way == CdiNaming::index) names.push_back(index);
        if (way == CdiNaming::type_index) names.push_back((instance == nullptr ? "gpu" : "mig") + index);
        if (way == CdiNaming::uuid && !uuid.empty()) names.push_back(uuid);
    }
    return names;
}

}  // namespace overdrive
