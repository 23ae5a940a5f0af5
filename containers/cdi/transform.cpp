#include "cdi/transform.hpp"

#include <algorithm>
#include <filesystem>

namespace overdrive {

namespace {

template <typename Item>
bool contains(const std::vector<Item>& items, const Item& item) {
    return std::find(items.begin(), items.end(), item) != items.end();
}

template <typename Item>
void keep_first(std::vector<Item>& items) {
    std::vector<Item> kept;
    for (Item& item : items) {
        if (!contains(kept, item)) kept.push_back(std::move(item));
    }
    items = std::move(kept);
}

template <typename Item>
void take_away(std::vector<Item>& items, const std::vector<Item>& others) {
    std::erase_if(items, [&](const Item& item) { return contains(others, item); });
}

void deduplicate(CdiEdits& edits) {
    keep_first(edits.env);
    keep_first(edits.device_nodes);
    keep_first(edits.net_devices);
    keep_first(edits.hooks);
    keep_first(edits.mounts);
    keep_first(edits.additional_gids);
}

std::string clean(std::string_view path) {
    std::string text = std::filesystem::path{path}.lexically_normal().string();
    if (text.size() > 1 && text.ends_with('/')) text.pop_back();
    return text;
}

auto depth_and_place(const std::string& place) {
    const std::string text = clean(place);
    return std::pair{std::count(text.begin(), text.end(), '/'), place};
}

/// What an argument of a hook becomes: a path, or two with `::` between them.
template <typename Move>
std::string moved_argument(const std::string& argument, const Move& move) {
    const std::size_t colons = argument.find("::");
    if (colons == std::string::npos) return move(argument);
    return move(argument.substr(0, colons)) + "::" + move(argument.substr(colons + 2));
}

template <typename Move>
void move_host_paths(CdiEdits& edits, const Move& move) {
    for (CdiDeviceNode& node : edits.device_nodes)
        node.host_path = move(node.host_path.empty() ? node.path : node.host_path);
    for (CdiMount& mount : edits.mounts) mount.host_path = move(mount.host_path);
    for (CdiHook& hook : edits.hooks) {
        if (hook.hook_name != "startContainer") hook.path = move(hook.path);
        if (hook.hook_name == "startContainer" || hook.hook_name == "createContainer") continue;
        for (std::string& argument : hook.args) argument = moved_argument(argument, move);
    }
}

template <typename Move>
void move_container_paths(CdiEdits& edits, const Move& move) {
    for (CdiDeviceNode& node : edits.device_nodes) node.path = move(node.path);
    for (CdiMount& mount : edits.mounts) mount.container_path = move(mount.container_path);
    for (CdiHook& hook : edits.hooks) {
        if (hook.hook_name == "startContainer") hook.path = move(hook.path);
        if (hook.hook_name != "startContainer" && hook.hook_name != "createContainer") continue;
        for (std::string& argument : hook.args) argument = moved_argument(argument, move);
    }
}

template <typename Change>
void for_all_edits(CdiSpec& spec, const Change& change) {
    change(spec.edits);
    for (CdiDevice& device : spec.devices) change(device.edits);
}

}  // namespace

void deduplicate(CdiSpec& spec) {
    for_all_edits(spec, [](CdiEdits& edits) { deduplicate(edits); });
}

void simplify(CdiSpec& spec) {
    deduplicate(spec);
    for (CdiDevice& device : spec.devices) {
        CdiEdits own = device.edits;
        take_away(own.env, spec.edits.env);
        take_away(own.device_nodes, spec.edits.device_nodes);
        take_away(own.net_devices, spec.edits.net_devices);
        take_away(own.hooks, spec.edits.hooks);
        take_away(own.mounts, spec.edits.mounts);
        if (!own.empty()) device.edits = std::move(own);
    }
}

void sort_nodes(std::vector<CdiDeviceNode>& nodes) {
    std::stable_sort(nodes.begin(), nodes.end(), [](const CdiDeviceNode& a, const CdiDeviceNode& b) {
        return depth_and_place(a.path) < depth_and_place(b.path);
    });
}

void sort_mounts(std::vector<CdiMount>& mounts) {
    std::stable_sort(mounts.begin(), mounts.end(), [](const CdiMount& a, const CdiMount& b) {
        return depth_and_place(a.container_path) < depth_and_place(b.container_path);
    });
}

void sort_spec(CdiSpec& spec) {
    for_all_edits(spec, [](CdiEdits& edits) {
        sort_nodes(edits.device_nodes);
        sort_mounts(edits.mounts);
    });
    std::stable_sort(spec.devices.begin(), spec.devices.end(),
                     [](const CdiDevice& a, const CdiDevice& b) { return a.name < b.name; });
}

CdiDevice merge_devices(const std::vector<CdiDevice>& devices, const std::string& name) {
    CdiDevice merged{name, {}, {}};
    for (const CdiDevice& device : devices) merged.edits.append(device.edits);
    return merged;
}

void add_merged_device(CdiSpec& spec, const std::string& name) {
    const bool there = std::any_of(spec.devices.begin(), spec.devices.end(),
                                   [&](const CdiDevice& device) { return device.name == name; });
    if (there) return;
    spec.devices.push_back(merge_devices(spec.devices, name));
    simplify(spec);
}

std::string move_root(std::string_view path, std::string_view root, std::string_view target) {
    while (root.ends_with('/')) root.remove_suffix(1);
    if (!path.starts_with(root)) return std::string{path};
    const std::string_view rest = path.substr(root.size());
    if (!rest.empty() && !rest.starts_with('/')) return std::string{path};
    return clean(std::string{target} + "/" + std::string{rest});
}

void move_root(CdiSpec& spec, std::string_view root, std::string_view target, PathsOf whose) {
    const auto move = [&](const std::string& path) { return move_root(path, root, target); };
    for_all_edits(spec, [&](CdiEdits& edits) {
        if (whose == PathsOf::host) {
            move_host_paths(edits, move);
        } else {
            move_container_paths(edits, move);
        }
    });
}

void move_driver_root(CdiSpec& spec, std::string_view driver_root, std::string_view target_driver_root,
                      std::string_view dev_root, std::string_view target_dev_root) {
    const bool own_dev_root = !dev_root.empty() && dev_root != driver_root;
    const auto move_node = [&](const std::string& path) {
        return own_dev_root ? move_root(path, dev_root, target_dev_root)
                            : move_root(path, driver_root, target_driver_root);
    };
    const auto move = [&](const std::string& path) { return move_root(path, driver_root, target_driver_root); };
    for_all_edits(spec, [&](CdiEdits& edits) {
        std::vector<CdiDeviceNode> nodes = std::move(edits.device_nodes);
        edits.device_nodes.clear();
        move_host_paths(edits, move);
        CdiEdits only_nodes;
        only_nodes.device_nodes = std::move(nodes);
        move_host_paths(only_nodes, move_node);
        edits.device_nodes = std::move(only_nodes.device_nodes);
    });
}

}  // namespace overdrive
