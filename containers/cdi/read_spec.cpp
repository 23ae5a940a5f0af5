#include "cdi/read_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <initializer_list>
#include <limits>
#include <utility>

#include "cdi/yaml_node.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// A node with the way that led to it, for messages.
struct Place {
    const YamlNode& node;
    std::string_view file;
    std::string path;

    [[noreturn]] void refuse(std::string_view why) const {
        throw Error{Errc::bad_manifest, fmt::format("'{}' line {}: {} {}", file, node.line,
                                                    path.empty() ? "the document" : fmt::format("'{}'", path), why)};
    }
    [[nodiscard]] Place member(const std::string& name, const YamlNode& value) const {
        return {value, file, path.empty() ? name : path + "." + name};
    }
    [[nodiscard]] Place item(std::size_t index) const {
        return {node.items[index], file, fmt::format("{}[{}]", path, index)};
    }
};

using Member = std::pair<std::string_view, std::function<void(const Place&)>>;

/// Gives each member of a mapping to whoever reads it. Null is a mapping without members.
void read_mapping(const Place& place, std::initializer_list<Member> members) {
    if (place.node.is_null()) return;
    if (place.node.kind != YamlNode::Kind::mapping) place.refuse("must be a mapping");
    for (const auto& [name, value] : place.node.members) {
        const auto* const known = std::find_if(members.begin(), members.end(),
                                               [&name = name](const Member& member) { return member.first == name; });
        const Place inside = place.member(name, value);
        if (known == members.end()) inside.refuse("is no member of a CDI specification");
        known->second(inside);
    }
}

Member text(std::string_view name, std::string& into) {
    return {name, [&into](const Place& place) {
                if (place.node.kind != YamlNode::Kind::scalar) place.refuse("must be a string");
                into = place.node.is_null() ? std::string{} : place.node.text;
            }};
}

/// A number as YAML 1.1 writes it: decimal, 0x, 0o, 0b, and octal after a 0.
std::optional<std::int64_t> number_in(std::string_view word) {
    const bool negative = word.starts_with('-');
    if (negative || word.starts_with('+')) word.remove_prefix(1);
    int base = 10;
    static constexpr std::array<std::pair<std::string_view, int>, 4> kPrefixes{
        {{"0x", 16}, {"0o", 8}, {"0b", 2}, {"0", 8}}};
    for (const auto& [prefix, prefix_base] : kPrefixes) {
        if (word.size() <= prefix.size() || !word.starts_with(prefix)) continue;
        word.remove_prefix(prefix.size());
        base = prefix_base;
        break;
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    if (word.starts_with('-') || error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return negative ? -value : value;
}

std::int64_t read_number(const Place& place, std::int64_t least, std::int64_t most) {
    const auto value = place.node.kind == YamlNode::Kind::scalar && place.node.plain ? number_in(place.node.text)
                                                                                     : std::optional<std::int64_t>{};
    if (!value) place.refuse("must be a whole number");
    if (*value < least || *value > most) place.refuse(fmt::format("must be between {} and {}", least, most));
    return *value;
}

Member number(std::string_view name, std::int64_t& into) {
    return {name, [&into](const Place& place) {
                if (place.node.is_null()) return;
                into = read_number(place, std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::int64_t>::max());
            }};
}

template <typename Number>
Member number(std::string_view name, std::optional<Number>& into) {
    return {name, [&into](const Place& place) {
                if (place.node.is_null()) return;
                constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
                into = static_cast<Number>(read_number(place, std::is_signed_v<Number> ? -kMost : 0, kMost));
            }};
}

Member flag(std::string_view name, bool& into) {
    return {name, [&into](const Place& place) {
                const std::string& word = place.node.text;
                const bool scalar = place.node.kind == YamlNode::Kind::scalar && place.node.plain;
                if (place.node.is_null()) return;
                if (!scalar || (word != "true" && word != "false")) place.refuse("must be true or false");
                into = word == "true";
            }};
}

/// A sequence, each item read by `read`.
template <typename Item, typename Read>
Member list(std::string_view name, std::vector<Item>& into, Read read) {
    return {name, [&into, read](const Place& place) {
                if (place.node.is_null()) return;
                if (place.node.kind != YamlNode::Kind::sequence) place.refuse("must be a list");
                for (std::size_t index = 0; index < place.node.items.size(); ++index) {
                    Item item{};
                    read(place.item(index), item);
                    into.push_back(std::move(item));
                }
            }};
}

Member texts(std::string_view name, std::vector<std::string>& into) {
    return list(name, into, [](const Place& place, std::string& item) {
        if (place.node.kind != YamlNode::Kind::scalar) place.refuse("must be a string");
        item = place.node.text;
    });
}

Member annotations(std::map<std::string, std::string>& into) {
    return {"annotations", [&into](const Place& place) {
                if (place.node.is_null()) return;
                if (place.node.kind != YamlNode::Kind::mapping) place.refuse("must be a mapping");
                for (const auto& [key, value] : place.node.members) {
                    if (value.kind != YamlNode::Kind::scalar) place.member(key, value).refuse("must be a string");
                    into[key] = value.text;
                }
            }};
}

void read_device_node(const Place& place, CdiDeviceNode& node) {
    read_mapping(place,
                 {text("path", node.path), text("hostPath", node.host_path), text("type", node.type),
                  number("major", node.major_number), number("minor", node.minor_number), number("fileMode", node.mode),
                  text("permissions", node.permissions), number("uid", node.uid), number("gid", node.gid)});
}

void read_net_device(const Place& place, CdiNetDevice& device) {
    read_mapping(place, {text("hostInterfaceName", device.host_interface_name), text("name", device.name)});
}

void read_hook(const Place& place, CdiHook& hook) {
    read_mapping(place, {text("hookName", hook.hook_name), text("path", hook.path), texts("args", hook.args),
                         texts("env", hook.env), number("timeout", hook.timeout)});
}

void read_mount(const Place& place, CdiMount& mount) {
    read_mapping(place, {text("hostPath", mount.host_path), text("containerPath", mount.container_path),
                         texts("options", mount.options), text("type", mount.type)});
}

Member intel_rdt(std::optional<CdiIntelRdt>& into) {
    return {"intelRdt", [&into](const Place& place) {
                if (place.node.is_null()) return;
                CdiIntelRdt rdt;
                read_mapping(place, {text("closID", rdt.clos_id), text("l3CacheSchema", rdt.l3_cache_schema),
                                     text("memBwSchema", rdt.mem_bw_schema), texts("schemata", rdt.schemata),
                                     flag("enableMonitoring", rdt.enable_monitoring), flag("enableCMT", rdt.enable_cmt),
                                     flag("enableMBM", rdt.enable_mbm)});
                into = std::move(rdt);
            }};
}

Member edits(CdiEdits& into) {
    return {"containerEdits", [&into](const Place& place) {
                read_mapping(
                    place, {texts("env", into.env), list("deviceNodes", into.device_nodes, read_device_node),
                            list("netDevices", into.net_devices, read_net_device), list("hooks", into.hooks, read_hook),
                            list("mounts", into.mounts, read_mount), intel_rdt(into.intel_rdt),
                            list("additionalGids", into.additional_gids, [](const Place& item, std::uint32_t& gid) {
                                gid = static_cast<std::uint32_t>(
                                    read_number(item, 0, std::numeric_limits<std::uint32_t>::max()));
                            })});
            }};
}

void read_device(const Place& place, CdiDevice& device) {
    read_mapping(place, {text("name", device.name), annotations(device.annotations), edits(device.edits)});
}

}  // namespace

CdiSpec read_cdi_spec(std::string_view text_to_read, std::string_view name) {
    const YamlNode document = parse_yaml(text_to_read, name);
    const Place place{document, name, {}};
    if (document.kind != YamlNode::Kind::mapping) place.refuse("must be a mapping");
    CdiSpec spec;
    read_mapping(place, {text("cdiVersion", spec.version), text("kind", spec.kind), annotations(spec.annotations),
                         list("devices", spec.devices, read_device), edits(spec.edits)});
    return spec;
}

}  // namespace overdrive
