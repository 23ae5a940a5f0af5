#include "cdi/generate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "cdi/driver_edits.hpp"
#include "cdi/names.hpp"
#include "cdi/node_modes.hpp"
#include "cdi/nvml_gpus.hpp"
#include "cdi/proc_gpus.hpp"
#include "cdi/transform.hpp"
#include "cdi/version.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

using Remarks = std::vector<std::string>;

constexpr std::array<const char*, 4> kControlNodes{"/dev/nvidia-modeset", "/dev/nvidia-uvm-tools", "/dev/nvidia-uvm",
                                                   "/dev/nvidiactl"};
/// Those of the container toolkit 1.20; the ones without a use here are accepted so that scripts keep working.
constexpr std::array<std::string_view, 5> kFeatures{"enable-explicit-driver-libraries", "disable-nvsandboxutils",
                                                    "no-additional-gids-for-device-nodes", "disable-ipc-discoverer",
                                                    "disable-multiple-csv-devices"};

void require_known(const CdiGenerateOptions& options) {
    for (const auto& fault : {fault_of_vendor(options.vendor),
                              options.class_name.empty() ? std::nullopt : fault_of_class(options.class_name)}) {
        if (fault) throw Error{Errc::usage, *fault};
    }
    for (const std::string& feature : options.feature_flags) {
        if (std::find(kFeatures.begin(), kFeatures.end(), feature) != kFeatures.end()) continue;
        throw Error{Errc::usage,
                    fmt::format("'{}' is no feature flag that is known; {} are", feature, fmt::join(kFeatures, ", "))};
    }
    const std::string& mode = options.mode;
    if (mode == "auto" || mode == "nvml" || mode == "management" || is_node_mode(mode)) return;
    throw Error{Errc::usage,
                fmt::format("'{}' is no mode that is made here; auto, nvml, management, gds, mofed, gdrcopy, "
                            "imex and nvswitch are",
                            mode)};
}

bool has_mig(const GpuInventory& inventory) {
    return std::any_of(inventory.gpus.begin(), inventory.gpus.end(), [](const GpuDevice& gpu) { return gpu.mig; });
}

bool lacks_uuid(const GpuInventory& inventory) {
    return std::any_of(inventory.gpus.begin(), inventory.gpus.end(),
                       [](const GpuDevice& gpu) { return gpu.uuid.empty(); });
}

GpuInventory by_nvml(const NvmlAsker& ask_nvml, const DriverTree& driver, const DriverLibraries& libraries) {
    auto library = find_library(driver, libraries.directories, "libnvidia-ml.so.1");
    if (!library) library = find_library(driver, libraries.directories, "libnvidia-ml.so." + libraries.version);
    if (!library) {
        throw Error{Errc::incomplete_artifact, fmt::format("libnvidia-ml.so.1 is not below '{}'", driver.place())}
            .with_remedy("without it, --no-nvml gives whole GPUs");
    }
    GpuInventory inventory = ask_nvml(driver.own_path(*library));
    if (inventory.driver_version != libraries.version) {
        throw Error{Errc::incomplete_artifact,
                    fmt::format("the loaded driver is {}, the libraries below '{}' are {}", *inventory.driver_version,
                                driver.place(), libraries.version)};
    }
    return inventory;
}

bool asks_nvml(const GpuInventory& by_proc, CdiNvml when) {
    if (when == CdiNvml::never) return false;
    if (has_mig(by_proc)) return true;
    return when == CdiNvml::as_needed && (by_proc.gpus.empty() || lacks_uuid(by_proc));
}

/// The GPUs by /proc, or by NVML where /proc does not tell enough: UUIDs of MIG instances, and of GPUs not used yet.
GpuInventory find_gpus(const CdiRoots& roots, const DriverLibraries& libraries, const CdiGenerateOptions& options,
                       const NvmlAsker& ask_nvml, GpuInventory by_proc, Remarks& remarks) {
    if (options.mode == "nvml") {
        return attempting("--mode nvml", [&] { return by_nvml(ask_nvml, roots.driver, libraries); });
    }
    if (!asks_nvml(by_proc, options.nvml)) return by_proc;
    try {
        return by_nvml(ask_nvml, roots.driver, libraries);
    } catch (const Error& error) {
        if (by_proc.gpus.empty()) return by_proc;
        remarks.push_back(fmt::format(
            "{}; of {} alone, UUIDs of MIG instances and of GPUs that nobody has used yet are not known, and the "
            "instances of a GPU are counted in the order of their numbers",
            error.what(), by_proc.source));
        return by_proc;
    }
}

void require_gpus(const GpuInventory& inventory, const CdiGenerateOptions& options) {
    if (!inventory.gpus.empty()) return;
    const std::string where = inventory.source == "NVML" ? inventory.source : options.proc_root + "/driver/nvidia/gpus";
    throw Error{Errc::unsupported, fmt::format("there is no GPU: {} knows none", where)}.with_remedy(
        "'overdrive status' tells whether the driver is loaded; a specification without devices would be invalid");
}

bool is_wanted(const std::vector<std::string>& ids, const GpuDevice& gpu, const MigInstance* instance) {
    const auto names = cdi_names({CdiNaming::index, CdiNaming::uuid}, gpu, instance);
    return std::any_of(ids.begin(), ids.end(), [&](const std::string& id) {
        return id == "all" || std::find(names.begin(), names.end(), id) != names.end();
    });
}

/// @throws Error usage: an id that is neither `all` nor that of a device
void require_devices(const std::vector<std::string>& ids, const GpuInventory& inventory) {
    std::vector<std::string> known;
    for (const GpuDevice& gpu : inventory.gpus) {
        const auto add = [&](const MigInstance* instance) {
            for (const std::string& name : cdi_names({CdiNaming::index, CdiNaming::uuid}, gpu, instance))
                known.push_back(name);
        };
        if (!gpu.mig) add(nullptr);
        for (const MigInstance& instance : gpu.instances) add(&instance);
    }
    for (const std::string& id : ids) {
        if (id == "all" || std::find(known.begin(), known.end(), id) != known.end()) continue;
        throw Error{Errc::usage, fmt::format("there is no device '{}'; there are {}", id, fmt::join(known, ", "))};
    }
}

std::vector<CdiDevice> gpu_devices(const CdiRoots& roots, const GpuInventory& inventory,
                                   const CdiGenerateOptions& options, const CdiHookMaker& hooks) {
    const DeviceNodeFinder nodes{roots.dev, !options.feature_flags.contains("no-additional-gids-for-device-nodes")};
    const GpuEdits maker{nodes, roots.sys, read_mig_minors(roots.proc), hooks};
    std::vector<CdiDevice> devices;
    const auto add = [&](const GpuDevice& gpu, const MigInstance* instance, const CdiEdits& edits) {
        for (const std::string& name : cdi_names(options.naming, gpu, instance)) devices.push_back({name, {}, edits});
    };
    for (const GpuDevice& gpu : inventory.gpus) {
        if (!gpu.mig && is_wanted(options.device_ids, gpu, nullptr)) add(gpu, nullptr, maker.whole(gpu));
    }
    for (const GpuDevice& gpu : inventory.gpus) {
        for (const MigInstance& instance : gpu.instances) {
            if (is_wanted(options.device_ids, gpu, &instance)) add(gpu, &instance, maker.instance(gpu, instance));
        }
    }
    if (devices.empty()) {
        throw Error{Errc::unsupported, "no device has a name"}.with_remedy(
            "a GPU in MIG mode is used by its instances, so create some; where UUIDs are not known, name devices by "
            "index (--device-name-strategy index)");
    }
    return devices;
}

void add_gpus(CdiSpec& spec, const CdiRoots& roots, const CdiGenerateOptions& options, const CdiHookMaker& hooks,
              const NvmlAsker& ask_nvml, Remarks& remarks) {
    GpuInventory by_proc = read_proc_gpus(roots.proc);
    const DriverLibraries libraries = find_driver_libraries(roots.driver, by_proc.driver_version);
    require_libraries(libraries, roots.driver, options.allow_missing);
    if (options.device_ids == std::vector<std::string>{"none"}) {
        spec.devices.push_back({"none", {}, {}});
        spec.devices.back().edits.env.emplace_back("NVCT_EMPTY_DEVICE=");
    } else {
        const GpuInventory inventory = find_gpus(roots, libraries, options, ask_nvml, std::move(by_proc), remarks);
        require_gpus(inventory, options);
        require_devices(options.device_ids, inventory);
        spec.devices = gpu_devices(roots, inventory, options, hooks);
    }
    const DeviceNodeFinder nodes{roots.dev, !options.feature_flags.contains("no-additional-gids-for-device-nodes")};
    for (const char* node : kControlNodes) nodes.add(node, spec.edits);
    spec.edits.append(driver_edits(roots, libraries, options, hooks, true));
}

void add_management(CdiSpec& spec, const CdiRoots& roots, const CdiGenerateOptions& options,
                    const CdiHookMaker& hooks) {
    const DriverLibraries libraries = find_driver_libraries(roots.driver, read_proc_gpus(roots.proc).driver_version);
    require_libraries(libraries, roots.driver, options.allow_missing);
    spec.devices.push_back(
        management_device(roots, hooks, !options.feature_flags.contains("no-additional-gids-for-device-nodes")));
    spec.edits = driver_edits(roots, libraries, options, hooks, false);
}

void move_to_targets(CdiSpec& spec, const CdiRoots& roots, const CdiGenerateOptions& options) {
    if (options.target_driver_root.empty() && options.target_dev_root.empty()) return;
    const std::string& driver = roots.driver.place();
    const std::string target = options.target_driver_root.empty() ? driver : options.target_driver_root;
    const std::string dev_target = !options.target_dev_root.empty() ? options.target_dev_root
                                   : roots.dev.place() == driver    ? target
                                                                    : roots.dev.place();
    move_driver_root(spec, driver, target, roots.dev.place(), dev_target);
    const auto plain = [](CdiEdits& edits) {
        for (CdiDeviceNode& node : edits.device_nodes) {
            if (node.host_path == node.path) node.host_path.clear();
        }
    };
    plain(spec.edits);
    for (CdiDevice& device : spec.devices) plain(device.edits);
}

/// The root that has the nodes, when nobody said which.
std::string default_dev_root(const DriverTree& driver) {
    return DeviceNodeFinder{driver, false}.has_driver_nodes() ? driver.place() : "/";
}

}  // namespace

CdiSpec generate_cdi_spec(const Root& host, const CdiGenerateOptions& options, const NvmlAsker& ask_nvml,
                          Remarks& remarks) {
    require_known(options);
    const DriverTree host_tree{host, "/"};
    const DriverTree driver{host, options.driver_root};
    const DriverTree dev{host, options.dev_root.value_or(default_dev_root(driver))};
    const DriverTree proc{host, options.proc_root};
    const DriverTree sys{host, options.sys_root};
    const CdiRoots roots{host_tree, driver, dev, proc, sys};
    const CdiHookMaker hooks{options.hooks};
    CdiSpec spec;
    const std::string class_name =
        options.class_name.empty() ? std::string{class_of_mode(options.mode)} : options.class_name;
    spec.kind = options.vendor + "/" + class_name;
    if (options.driver_root != driver.place() && options.driver_root != driver.place() + "/")
        remarks.push_back(
            fmt::format("'{}' is '{}': the specification names that", options.driver_root, driver.place()));
    if (is_node_mode(options.mode)) {
        spec.devices = node_mode_devices(options.mode, roots,
                                         !options.feature_flags.contains("no-additional-gids-for-device-nodes"));
        spec.edits.env.emplace_back(kVoidDevices);
    } else if (options.mode == "management") {
        add_management(spec, roots, options, hooks);
    } else {
        add_gpus(spec, roots, options, hooks, ask_nvml, remarks);
    }
    simplify(spec);
    const bool is_none = options.device_ids == std::vector<std::string>{"none"};
    if (!options.no_all_device && !is_none && options.mode != "imex") add_merged_device(spec, "all");
    move_to_targets(spec, roots, options);
    sort_spec(spec);
    spec.version = to_text(minimum_cdi_version(spec));
    return spec;
}

}  // namespace overdrive
