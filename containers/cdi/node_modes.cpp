#include "cdi/node_modes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cdi/device_nodes.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

struct NodeMode {
    std::string_view mode;
    std::string_view class_name;
    std::array<const char*, 2> patterns;  ///< of nodes
    std::array<const char*, 2> files;     ///< mounted where they are there
};

constexpr std::array<NodeMode, 5> kModes{{
    {"gds", "gds", {"/dev/nvidia-fs*", nullptr}, {"/etc/cufile.json", "/run/udev"}},
    {"mofed", "mofed", {"/dev/infiniband/uverbs*", "/dev/infiniband/rdma_cm"}, {nullptr, nullptr}},
    {"gdrcopy", "gdrcopy", {"/dev/gdrdrv", nullptr}, {nullptr, nullptr}},
    {"nvswitch", "nvswitch", {"/dev/nvidia-nvswitchctl", "/dev/nvidia-nvswitch[0-9]*"}, {nullptr, nullptr}},
    {"imex", "imex-channel", {"/dev/nvidia-caps-imex-channels/channel[0-9]*", nullptr}, {nullptr, nullptr}},
}};

const NodeMode* find_mode(std::string_view mode) noexcept {
    const auto* const found =
        std::find_if(kModes.begin(), kModes.end(), [&](const NodeMode& one) { return one.mode == mode; });
    return found == kModes.end() ? nullptr : found;
}

}  // namespace

bool is_node_mode(std::string_view mode) noexcept { return find_mode(mode) != nullptr; }

std::string_view class_of_mode(std::string_view mode) noexcept {
    const NodeMode* const found = find_mode(mode);
    return found == nullptr ? "gpu" : found->class_name;
}

std::vector<CdiDevice> node_mode_devices(std::string_view mode, const CdiRoots& roots, bool with_groups) {
    const NodeMode& wanted = *find_mode(mode);
    const DeviceNodeFinder nodes{roots.dev, with_groups};
    CdiDevice all{"all", {}, {}};
    for (const char* pattern : wanted.patterns) {
        if (pattern != nullptr) nodes.add_matches(pattern, all.edits);
    }
    if (all.edits.empty()) {
        throw Error{Errc::device_nodes,
                    fmt::format("there is no device node '{}'", roots.dev.on_host(wanted.patterns.front()))};
    }
    if (mode == "imex") {
        std::vector<CdiDevice> channels;
        for (const CdiDeviceNode& node : all.edits.device_nodes) {
            CdiEdits edits;
            nodes.add(node.path, edits);
            channels.push_back({node.path.substr(node.path.rfind("channel") + 7), {}, std::move(edits)});
        }
        return channels;
    }
    for (const char* file : wanted.files) {
        const auto place = file == nullptr ? std::nullopt : roots.driver.host_path(file);
        if (place) all.edits.mounts.push_back({*place, file, driver_mount_options(), {}});
    }
    return {all};
}

CdiDevice management_device(const CdiRoots& roots, const CdiHookMaker& hooks, bool with_groups) {
    const DeviceNodeFinder nodes{roots.dev, with_groups};
    CdiDevice all{"all", {}, {}};
    for (const char* pattern :
         {"/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/nvidia-modeset", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools",
          "/dev/nvidia-caps/nvidia-cap[0-9]*", "/dev/nvidia-caps-imex-channels/channel[0-9]*"}) {
        nodes.add_matches(pattern, all.edits);
    }
    if (all.edits.empty()) {
        throw Error{Errc::device_nodes,
                    fmt::format("there is no node of the driver below '{}'", roots.dev.on_host("/dev"))}
            .with_remedy("'overdrive activate' makes them");
    }
    add_folder_hook(all.edits, hooks);
    return all;
}

}  // namespace overdrive
