#include "cdi/apply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cdi/validate.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

/// The member `name`, made when it is not there or null. @throws Error when it is there and of another type
ordered_json& member(ordered_json& of, const char* name, ordered_json::value_t type) {
    ordered_json& value = of[name];
    if (value.is_null()) value = ordered_json(type);
    if (value.type() != type) {
        throw Error{Errc::bad_manifest, fmt::format("'{}' of the OCI configuration is {} where {} belongs", name,
                                                    value.type_name(), ordered_json(type).type_name())};
    }
    return value;
}

ordered_json& object(ordered_json& of, const char* name) { return member(of, name, ordered_json::value_t::object); }
ordered_json& array(ordered_json& of, const char* name) { return member(of, name, ordered_json::value_t::array); }

/// A member's text; empty when it has none.
std::string text_of(const ordered_json& of, const char* name) {
    if (!of.is_object()) return {};
    const auto found = of.find(name);
    return found != of.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

void remove_where(ordered_json& list, const char* name, const std::string& value) {
    ordered_json kept = ordered_json::array();
    for (ordered_json& item : list) {
        if (text_of(item, name) != value) kept.push_back(std::move(item));
    }
    list = std::move(kept);
}

void add_env(ordered_json& config, const std::string& entry) {
    ordered_json& env = array(object(config, "process"), "env");
    const std::string prefix = entry.substr(0, entry.find('=') + 1);
    for (ordered_json& there : env) {
        if (there.is_string() && there.get_ref<const std::string&>().starts_with(prefix)) {
            there = entry;
            return;
        }
    }
    env.push_back(entry);
}

/// The user or group of the container's process; nullopt when it is root or not said.
std::optional<std::uint32_t> process_id(const ordered_json& config, const char* which) {
    const auto process = config.find("process");
    if (process == config.end() || !process->is_object()) return std::nullopt;
    const auto user = process->find("user");
    if (user == process->end() || !user->is_object()) return std::nullopt;
    const auto id = user->find(which);
    if (id == user->end() || !id->is_number_unsigned() || id->get<std::uint32_t>() == 0) return std::nullopt;
    return id->get<std::uint32_t>();
}

/// `node` with what it leaves out taken from the host's.
CdiDeviceNode completed(CdiDeviceNode node, const FindHostNode& find_node) {
    const bool said = !node.type.empty() && (node.major_number != 0 || node.type == "p");
    const std::string& path = node.host_path.empty() ? node.path : node.host_path;
    const auto there = find_node(path);
    if (!there) {
        if (said) return node;
        throw Error{Errc::device_nodes, fmt::format("device node '{}' is not on the host", path)};
    }
    if (!node.mode) node.mode = there->mode;
    if (said) return node;
    if (!node.type.empty() && node.type != std::string(1, there->type)) {
        throw Error{Errc::device_nodes, fmt::format("device node '{}' is of type {}, the specification says {}", path,
                                                    there->type, node.type)};
    }
    node.type = there->type;
    node.major_number = there->major_number;
    node.minor_number = there->minor_number;
    return node;
}

void allow_device(ordered_json& config, const CdiDeviceNode& node) {
    if (node.type != "b" && node.type != "c") return;
    std::string access = node.permissions.empty() ? "rwm" : node.permissions;
    if (access == "none") access.clear();
    array(object(object(config, "linux"), "resources"), "devices")
        .push_back({{"allow", true},
                    {"type", node.type},
                    {"major", node.major_number},
                    {"minor", node.minor_number},
                    {"access", access}});
}

void add_device(ordered_json& config, const CdiDeviceNode& wanted, const FindHostNode& find_node) {
    const CdiDeviceNode node = completed(wanted, find_node);
    ordered_json device{{"path", node.path}, {"type", node.type}};
    device["major"] = node.major_number;
    device["minor"] = node.minor_number;
    if (node.mode) device["fileMode"] = *node.mode;
    if (const auto uid = node.uid ? node.uid : process_id(config, "uid")) device["uid"] = *uid;
    if (const auto gid = node.gid ? node.gid : process_id(config, "gid")) device["gid"] = *gid;
    ordered_json& devices = array(object(config, "linux"), "devices");
    remove_where(devices, "path", node.path);
    devices.push_back(std::move(device));
    allow_device(config, node);
}

std::ptrdiff_t parts_of(const ordered_json& mount) {
    const std::string place = std::filesystem::path{text_of(mount, "destination")}.lexically_normal().string();
    return std::count(place.begin(), place.end(), '/') - (place.size() > 1 && place.ends_with('/') ? 1 : 0);
}

void add_mounts(ordered_json& config, const std::vector<CdiMount>& wanted) {
    if (wanted.empty()) return;
    ordered_json& mounts = array(config, "mounts");
    for (const CdiMount& mount : wanted) {
        remove_where(mounts, "destination", mount.container_path);
        ordered_json entry{{"destination", mount.container_path}};
        if (!mount.type.empty()) entry["type"] = mount.type;
        entry["source"] = mount.host_path;
        if (!mount.options.empty()) entry["options"] = mount.options;
        mounts.push_back(std::move(entry));
    }
    // A mount below another one comes after it; what the engine itself has put in order stays in it.
    std::stable_sort(mounts.begin(), mounts.end(),
                     [](const ordered_json& a, const ordered_json& b) { return parts_of(a) < parts_of(b); });
}

void add_hook(ordered_json& config, const CdiHook& hook) {
    ordered_json entry{{"path", hook.path}};
    if (!hook.args.empty()) entry["args"] = hook.args;
    if (!hook.env.empty()) entry["env"] = hook.env;
    if (hook.timeout) entry["timeout"] = *hook.timeout;
    array(object(config, "hooks"), hook.hook_name.c_str()).push_back(std::move(entry));
}

void set_intel_rdt(ordered_json& config, const CdiIntelRdt& rdt) {
    ordered_json json = ordered_json::object();
    if (!rdt.clos_id.empty()) json["closID"] = rdt.clos_id;
    if (!rdt.schemata.empty()) json["schemata"] = rdt.schemata;
    if (!rdt.l3_cache_schema.empty()) json["l3CacheSchema"] = rdt.l3_cache_schema;
    if (!rdt.mem_bw_schema.empty()) json["memBwSchema"] = rdt.mem_bw_schema;
    if (rdt.enable_monitoring) json["enableMonitoring"] = true;
    if (rdt.enable_cmt) json["enableCMT"] = true;
    if (rdt.enable_mbm) json["enableMBM"] = true;
    object(config, "linux")["intelRdt"] = std::move(json);
}

void add_group(ordered_json& config, std::uint32_t gid) {
    if (gid == 0) return;
    ordered_json& groups = array(object(object(config, "process"), "user"), "additionalGids");
    if (std::find(groups.begin(), groups.end(), ordered_json(gid)) == groups.end()) groups.push_back(gid);
}

}  // namespace

void apply_cdi_edits(ordered_json& config, const CdiEdits& edits, const FindHostNode& find_node) {
    if (const auto faults = faults_of(edits, "the edits"); !faults.empty())
        throw Error{Errc::bad_manifest, faults.front()};
    if (!config.is_object()) throw Error{Errc::bad_manifest, "the OCI configuration is no JSON object"};
    ordered_json edited = config;
    for (const std::string& entry : edits.env) add_env(edited, entry);
    for (const CdiDeviceNode& node : edits.device_nodes) add_device(edited, node, find_node);
    for (const CdiNetDevice& device : edits.net_devices)
        object(object(edited, "linux"), "netDevices")[device.host_interface_name] = {{"name", device.name}};
    add_mounts(edited, edits.mounts);
    for (const CdiHook& hook : edits.hooks) add_hook(edited, hook);
    if (edits.intel_rdt) set_intel_rdt(edited, *edits.intel_rdt);
    for (const std::uint32_t gid : edits.additional_gids) add_group(edited, gid);
    config = std::move(edited);
}

}  // namespace overdrive
