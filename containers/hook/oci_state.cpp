#include "hook/oci_state.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "support/error.hpp"

namespace overdrive {

namespace {

using nlohmann::json;

json parsed(std::string_view text, std::string_view name) {
    json document = json::parse(text, nullptr, false);
    if (!document.is_object())
        throw Error{Errc::config,
                    fmt::format("{} is no JSON object; this program is started by a container runtime", name)};
    return document;
}

/// A member that is a string; empty when there is none.
std::string text_of(const json& object, const char* name, std::string_view where) {
    const auto member = object.find(name);
    if (member == object.end() || member->is_null()) return {};
    if (!member->is_string()) throw Error{Errc::config, fmt::format("'{}' of {} is no string", name, where)};
    auto text = member->get<std::string>();
    if (text.find('\0') != std::string::npos)
        throw Error{Errc::config, fmt::format("'{}' of {} holds a NUL", name, where)};
    return text;
}

}  // namespace

ContainerState parse_state(std::string_view text) {
    constexpr std::string_view kName = "the container state on standard input";
    const json document = parsed(text, kName);
    ContainerState state{text_of(document, "bundle", kName), text_of(document, "root", kName)};
    if (state.bundle.empty()) state.bundle = text_of(document, "bundlePath", kName);  // before runtime-spec 1.0
    if (state.bundle.empty() || state.bundle.front() != '/')
        throw Error{Errc::config, fmt::format("{} names no absolute 'bundle'", kName)};
    return state;
}

std::string parse_root_path(std::string_view config) {
    constexpr std::string_view kName = "the bundle's config.json";
    const json document = parsed(config, kName);
    const auto root = document.find("root");
    std::string path = root != document.end() && root->is_object() ? text_of(*root, "path", kName) : "";
    if (path.empty()) throw Error{Errc::config, fmt::format("{} has no 'root.path'", kName)};
    return path;
}

std::string container_root_path(const ContainerState& state, const std::function<std::string()>& read_config) {
    std::string path = state.root.empty() ? parse_root_path(read_config()) : state.root;
    return path.front() == '/' ? path : state.bundle + "/" + path;
}

}  // namespace overdrive
