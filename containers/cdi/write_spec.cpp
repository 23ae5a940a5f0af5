#include "cdi/write_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace overdrive {

namespace {

using nlohmann::ordered_json;

void put(ordered_json& into, const char* name, const std::string& value) {
    if (!value.empty()) into[name] = value;
}

template <typename Value>
void put(ordered_json& into, const char* name, const std::optional<Value>& value) {
    if (value) into[name] = *value;
}

template <typename Value>
void put(ordered_json& into, const char* name, const std::vector<Value>& values) {
    if (!values.empty()) into[name] = values;
}

void put(ordered_json& into, const std::map<std::string, std::string>& annotations) {
    if (!annotations.empty()) into["annotations"] = annotations;
}

ordered_json document_of(const CdiDeviceNode& node) {
    ordered_json json{{"path", node.path}};
    put(json, "hostPath", node.host_path);
    put(json, "type", node.type);
    if (node.major_number != 0) json["major"] = node.major_number;
    if (node.minor_number != 0) json["minor"] = node.minor_number;
    put(json, "fileMode", node.mode);
    put(json, "permissions", node.permissions);
    put(json, "uid", node.uid);
    put(json, "gid", node.gid);
    return json;
}

ordered_json document_of(const CdiNetDevice& device) {
    return {{"hostInterfaceName", device.host_interface_name}, {"name", device.name}};
}

ordered_json document_of(const CdiHook& hook) {
    ordered_json json{{"hookName", hook.hook_name}, {"path", hook.path}};
    put(json, "args", hook.args);
    put(json, "env", hook.env);
    put(json, "timeout", hook.timeout);
    return json;
}

ordered_json document_of(const CdiMount& mount) {
    ordered_json json{{"hostPath", mount.host_path}, {"containerPath", mount.container_path}};
    put(json, "options", mount.options);
    put(json, "type", mount.type);
    return json;
}

ordered_json document_of(const CdiIntelRdt& rdt) {
    ordered_json json = ordered_json::object();
    put(json, "closID", rdt.clos_id);
    put(json, "l3CacheSchema", rdt.l3_cache_schema);
    put(json, "memBwSchema", rdt.mem_bw_schema);
    put(json, "schemata", rdt.schemata);
    if (rdt.enable_monitoring) json["enableMonitoring"] = true;
    if (rdt.enable_cmt) json["enableCMT"] = true;
    if (rdt.enable_mbm) json["enableMBM"] = true;
    return json;
}

template <typename Item>
void put_items(ordered_json& into, const char* name, const std::vector<Item>& items) {
    if (items.empty()) return;
    ordered_json list = ordered_json::array();
    for (const Item& item : items) list.push_back(document_of(item));
    into[name] = std::move(list);
}

/// Words that a reader of YAML 1.1 takes for a truth value or for nothing.
bool is_word_of_yaml(std::string_view text) {
    std::string lower{text};
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char character) {
        return static_cast<char>(character >= 'A' && character <= 'Z' ? character - 'A' + 'a' : character);
    });
    static constexpr std::array<std::string_view, 15> kWords{
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "<<", ".inf", "-.inf", "+.inf", ".nan"};
    return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

/// Whether `text` is a string without quotes to every reader of YAML. A number, a date or a sexagesimal (`0:1`) is of
/// digits and signs only; so nothing of those alone is.
bool is_plain(std::string_view text) {
    constexpr std::string_view kHarmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-=+:";
    constexpr std::string_view kNumberLike = "0123456789.:+-_eExXoOabcdfABCDF";
    if (text.empty() || is_word_of_yaml(text)) return false;
    if (text.find_first_not_of(kHarmless) != std::string_view::npos) return false;
    if (text.front() == '-' && text.size() == 1) return false;
    if (text.front() == ':' || text.front() == '=' || text.back() == ':' || text == "---" || text == "...")
        return false;
    const bool begins_like_a_number = std::string_view{"0123456789.+-"}.find(text.front()) != std::string_view::npos;
    const bool version = std::count(text.begin(), text.end(), '.') >= 2 &&
                         text.find_first_not_of("0123456789.") == std::string_view::npos;
    return !begins_like_a_number || version || text.find_first_not_of(kNumberLike) != std::string_view::npos;
}

/// The code point that begins at `text[at]`, which moves behind it; U+FFFD for what is no UTF-8.
std::uint32_t next_code_point(std::string_view text, std::size_t& at) {
    const auto byte = [&](std::size_t index) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[index]));
    };
    const std::uint32_t first = byte(at++);
    if (first < 0x80) return first;
    const std::size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    std::uint32_t point = first & (0x3FU >> more);
    for (std::size_t index = 0; index < more; ++index) {
        if (at == text.size() || (byte(at) & 0xC0U) != 0x80U) return 0xFFFD;
        point = point << 6U | (byte(at++) & 0x3FU);
    }
    return point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF) ? point : 0xFFFD;
}

/// In double quotes; what is not plain ASCII by its number, so that no reader minds.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (std::size_t at = 0; at < text.size();) {
        const std::uint32_t point = next_code_point(text, at);
        if (point == '"' || point == '\\') out += '\\';
        if (point >= 0x20 && point < 0x7F) {
            out += static_cast<char>(point);
        } else {
            out += point < 0x20 ? fmt::format("\\x{:02x}", point) : fmt::format("\\U{:08x}", point);
        }
    }
    return out + "\"";
}

std::string scalar(std::string_view text) { return is_plain(text) ? std::string{text} : quoted(text); }

std::string scalar_of(const ordered_json& value) {
    return value.is_string() ? scalar(value.get_ref<const std::string&>()) : value.dump();
}

void write_value(std::string& out, const ordered_json& value, std::size_t column);

/// JSON with the characters escaped that JSON allows and YAML does not: engines read both with a reader of YAML, which
/// does not know pairs of surrogates, so that escaping everything else than ASCII would not do.
std::string without_controls(const std::string& json) {
    std::string out;
    for (std::size_t at = 0; at < json.size();) {
        const std::size_t begin = at;
        const std::uint32_t point = next_code_point(json, at);
        const bool control = point >= 0x7F && point <= 0x9F && point != 0x85;
        if (control || point == 0xFEFF || point == 0xFFFE || point == 0xFFFF) {
            out += fmt::format("\\u{:04x}", point);
        } else {
            out.append(json, begin, at - begin);
        }
    }
    return out;
}

/// The members of a mapping whose first one has been indented already.
void write_members(std::string& out, const ordered_json& mapping, std::size_t column, std::size_t child_column) {
    bool first = true;
    for (const auto& [key, value] : mapping.items()) {
        if (!first) out.append(column, ' ');
        first = false;
        out += scalar(std::string_view{key}) + ":";
        write_value(out, value, child_column);
    }
}

/// What stands behind `key:`; `column` is where its own lines begin.
void write_value(std::string& out, const ordered_json& value, std::size_t column) {
    if (!value.is_structured()) {
        out += " " + scalar_of(value) + "\n";
    } else if (value.empty()) {
        out += value.is_object() ? " {}\n" : " []\n";
    } else if (value.is_object()) {
        out += "\n";
        out.append(column, ' ');
        write_members(out, value, column, column + 4);
    } else {
        out += "\n";
        for (const ordered_json& item : value) {
            out.append(column, ' ');
            out += "- ";
            if (item.is_object() && !item.empty()) {
                write_members(out, item, column + 2, column + 4);
            } else {
                out += (item.is_object() ? "{}" : scalar_of(item)) + "\n";
            }
        }
    }
}

}  // namespace

ordered_json to_document(const CdiEdits& edits) {
    ordered_json json = ordered_json::object();
    put(json, "env", edits.env);
    put_items(json, "deviceNodes", edits.device_nodes);
    put_items(json, "netDevices", edits.net_devices);
    put_items(json, "hooks", edits.hooks);
    put_items(json, "mounts", edits.mounts);
    if (edits.intel_rdt) json["intelRdt"] = document_of(*edits.intel_rdt);
    put(json, "additionalGids", edits.additional_gids);
    return json;
}

ordered_json to_document(const CdiSpec& spec) {
    ordered_json json{{"cdiVersion", spec.version}, {"kind", spec.kind}};
    put(json, spec.annotations);
    json["devices"] = ordered_json::array();
    for (const CdiDevice& device : spec.devices) {
        ordered_json entry{{"name", device.name}};
        put(entry, device.annotations);
        entry["containerEdits"] = to_document(device.edits);
        json["devices"].push_back(std::move(entry));
    }
    if (!spec.edits.empty()) json["containerEdits"] = to_document(spec.edits);
    return json;
}

std::string to_yaml(const CdiSpec& spec) {
    std::string out = "---\n";
    write_members(out, to_document(spec), 0, 4);
    return out;
}

std::string to_json(const CdiSpec& spec) {
    return without_controls(to_document(spec).dump(2, ' ', false, ordered_json::error_handler_t::replace)) + "\n";
}

}  // namespace overdrive
