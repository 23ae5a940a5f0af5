#include "model/driver_manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "model/json_reader.hpp"
#include "model/os_profile.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr std::string_view kDocument = "driver.json";

std::string plain_path(const JsonReader& reader, const std::string& name) {
    std::string path = reader.string(name);
    if (!is_plain_relative_path(path))
        reader.fail(name, fmt::format("'{}' is not a plain relative path", path.substr(0, 200)));
    return path;
}

bool is_module_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

std::string module_name(const JsonReader& reader, const std::string& name) {
    std::string value = reader.string(name);
    if (!is_module_name(value)) reader.fail(name, fmt::format("'{}' is not a module name", value.substr(0, 100)));
    return value;
}

unsigned parse_mode(const JsonReader& reader, const std::string& name) {
    const std::string text = reader.string(name);
    unsigned mode = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    if (error != std::errc{} || end != text.data() + text.size() || (mode & ~0777U) != 0) {
        reader.fail(name, fmt::format("'{}' is not an octal permission such as \"0644\"", text.substr(0, 20)));
    }
    return mode;
}

ModuleSpec parse_module(const JsonReader& reader) {
    return {.name = module_name(reader, "name"),
            .path = plain_path(reader, "path"),
            .version = reader.string("version"),
            .depends = reader.strings("depends"),
            .parameters = reader.string_map("parameters"),
            .required = reader.boolean_or("required", true),
            .autoload = reader.boolean_or("autoload", true)};
}

DeviceNodeSpec parse_node(const JsonReader& reader) {
    return {.path = plain_path(reader, "path"),
            .device = reader.string("device"),
            .minor = static_cast<unsigned>(reader.number("minor")),
            .mode = parse_mode(reader, "mode")};
}

DaemonSpec parse_daemon(const JsonReader& reader) {
    return {.name = module_name(reader, "name"),
            .program = plain_path(reader, "program"),
            .version = reader.string("version"),
            .library_path = reader.optional_string("library_path").value_or("")};
}

FileSpec parse_file(const JsonReader& reader) {
    FileSpec file;
    file.path = plain_path(reader, "path");
    const auto role = parse_layer_role(reader.string("layer"));
    if (!role || *role == LayerRole::program) reader.fail("layer", "is neither 'user-space' nor 'modules'");
    file.layer = *role;
    if (reader.has("link")) {
        file.link_target = reader.string("link");
        if (file.link_target.empty() || file.link_target.front() == '/')
            reader.fail("link", "is not a relative target");
        return file;
    }
    file.mode = parse_mode(reader, "mode");
    file.size = reader.number("size");
    file.sha256 = Digest::from_hex(reader.string("sha256")).hex();
    if (const auto verity = reader.optional_string("verity")) file.verity = Digest::from_hex(*verity).hex();
    return file;
}

template <typename Value, typename Parse>
std::vector<Value> parse_each(const JsonReader& reader, const std::string& name, Parse parse) {
    std::vector<Value> out;
    if (!reader.has(name)) return out;
    for (const JsonReader& entry : reader.objects(name)) out.push_back(parse(entry));
    return out;
}

void check_names(const JsonReader& reader, const std::string& field, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        if (!is_plain_relative_path(name) || name.find('/') != std::string::npos) {
            reader.fail(field, fmt::format("holds '{}', which is not a plain name", name.substr(0, 200)));
        }
    }
}

DriverId parse_driver(const JsonReader& reader) {
    const std::string text = reader.string("driver");
    if (!DriverId::is_valid(text)) reader.fail("driver", fmt::format("'{}' is not a driver id", text.substr(0, 100)));
    return DriverId::parse(text);
}

DriverManifest parse_document(const JsonReader& reader) {
    reader.require_reader(DriverManifest::kSchema);
    const JsonReader os = reader.object("os");
    const JsonReader kernel = reader.object("kernel");
    DriverManifest manifest{.driver = parse_driver(reader),
                            .driver_version = reader.string("driver_version"),
                            .module_type = reader.string("module_type"),
                            .os_id = os.string("id"),
                            .os_version_id = os.string("version_id"),
                            .os_key = os.string("key"),
                            .architecture = reader.string("architecture"),
                            .kernel_release = kernel.string("release"),
                            .vermagic = kernel.string("vermagic"),
                            .build_id = kernel.optional_string("build_id"),
                            .config_sha256 = kernel.optional_string("config_sha256"),
                            .flavour = kernel.optional_string("flavour").value_or(""),
                            .signer = reader.optional_string("signer"),
                            .modules = parse_each<ModuleSpec>(reader, "modules", parse_module),
                            .prerequisites = reader.strings("prerequisites"),
                            .firmware = reader.strings("firmware"),
                            .device_nodes = parse_each<DeviceNodeSpec>(reader, "device_nodes", parse_node),
                            .daemons = parse_each<DaemonSpec>(reader, "daemons", parse_daemon),
                            .programs = {},
                            .libraries = {},
                            .user_space_layer = std::nullopt,
                            .program_version = std::nullopt,
                            .program_layer = std::nullopt,
                            .files = parse_each<FileSpec>(reader, "files", parse_file)};
    if (reader.has("programs")) manifest.programs = reader.strings("programs");
    if (reader.has("libraries")) manifest.libraries = reader.strings("libraries");
    if (const auto size = reader.optional_object("size")) {
        manifest.size_bytes = size->number("bytes");
        manifest.inodes = size->number("inodes");
    }
    if (const auto digest = reader.optional_string("user_space_layer"))
        manifest.user_space_layer = Digest::parse(*digest);
    if (const auto program = reader.optional_object("program")) {
        manifest.program_version = program->string("version");
        manifest.program_layer = Digest::parse(program->string("layer"));
    }
    return manifest;
}

void check(const JsonReader& reader, const DriverManifest& manifest) {
    if (manifest.driver.version() != manifest.driver_version)
        reader.fail("driver_version", "differs from the version in driver");
    if (!is_path_safe(manifest.os_key)) reader.fail("os.key", "has characters that cannot be in a path");
    if (!is_path_safe(manifest.kernel_release))
        reader.fail("kernel.release", "has characters that cannot be in a path");
    if (!manifest.vermagic.starts_with(manifest.kernel_release + " ")) {
        reader.fail("kernel.vermagic", "does not begin with kernel.release");
    }
    if (manifest.modules.empty()) reader.fail("modules", "is empty");
    for (const std::string& name : manifest.prerequisites) {
        if (!is_module_name(name))
            reader.fail("prerequisites", fmt::format("holds '{}', which is no module name", name.substr(0, 100)));
    }
    for (const std::string& path : manifest.firmware) {
        if (!is_plain_relative_path(path)) reader.fail("firmware", "holds a path that is not plain and relative");
    }
    if (manifest.program_version && !is_path_safe(*manifest.program_version)) {
        reader.fail("program.version", "has characters that cannot be in a path");
    }
    check_names(reader, "programs", manifest.programs);
    check_names(reader, "libraries", manifest.libraries);
    const auto out_of_order = std::adjacent_find(manifest.files.begin(), manifest.files.end(),
                                                 [](const FileSpec& a, const FileSpec& b) { return a.path >= b.path; });
    if (out_of_order != manifest.files.end())
        reader.fail("files", fmt::format("is not sorted at '{}'", out_of_order->path));
}

ordered_json nullable(const std::optional<std::string>& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
}

std::string octal(unsigned mode) { return fmt::format("{:04o}", mode); }

ordered_json module_json(const ModuleSpec& module) {
    return {{"name", module.name},
            {"path", module.path},
            {"version", module.version},
            {"depends", module.depends},
            {"parameters", module.parameters},
            {"required", module.required},
            {"autoload", module.autoload}};
}

ordered_json file_json(const FileSpec& file) {
    if (file.is_link()) return {{"path", file.path}, {"layer", to_string(file.layer)}, {"link", file.link_target}};
    ordered_json json{{"path", file.path},
                      {"layer", to_string(file.layer)},
                      {"mode", octal(file.mode)},
                      {"size", file.size},
                      {"sha256", file.sha256}};
    if (!file.verity.empty()) json["verity"] = file.verity;
    return json;
}

ordered_json program_json(const DriverManifest& manifest) {
    if (!manifest.program_version || !manifest.program_layer) return nullptr;
    return {{"version", *manifest.program_version}, {"layer", manifest.program_layer->text()}};
}

template <typename Values, typename ToJson>
ordered_json array_of(const Values& values, ToJson to_json) {
    ordered_json out = ordered_json::array();
    for (const auto& value : values) out.push_back(to_json(value));
    return out;
}

}  // namespace

std::string_view to_string(LayerRole role) noexcept {
    switch (role) {
        case LayerRole::program:
            return "program";
        case LayerRole::user_space:
            return "user-space";
        case LayerRole::modules:
            return "modules";
    }
    return "unknown";
}

std::optional<LayerRole> parse_layer_role(std::string_view text) noexcept {
    for (const LayerRole role : {LayerRole::program, LayerRole::user_space, LayerRole::modules}) {
        if (to_string(role) == text) return role;
    }
    return std::nullopt;
}

bool is_plain_relative_path(std::string_view path) noexcept {
    if (path.empty() || path.size() > 4096) return false;
    if (std::any_of(path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
        return false;
    // Removing a tree holds one descriptor open for each level of it.
    constexpr std::ptrdiff_t kMostParts = 64;
    if (std::count(path.begin(), path.end(), '/') >= kMostParts) return false;
    while (true) {
        const std::size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        if (part.empty() || part == "." || part == ".." || part.size() > 255) return false;
        if (slash == std::string_view::npos) return true;
        path.remove_prefix(slash + 1);
    }
}

DriverManifest DriverManifest::parse(std::string_view json) {
    const JsonReader reader = JsonReader::parse(json, std::string{kDocument}, Errc::bad_manifest);
    try {
        DriverManifest manifest = parse_document(reader);
        check(reader, manifest);
        return manifest;
    } catch (const Error& error) {
        if (error.code() == Errc::bad_manifest) throw;
        throw Error{Errc::bad_manifest, fmt::format("{}: {}", kDocument, error.what())};
    }
}

std::string DriverManifest::to_json() const {
    const ordered_json document{
        {"schema", kSchema},
        {"min_reader", 1},
        {"driver", driver.text()},
        {"driver_version", driver_version},
        {"module_type", module_type},
        {"os", {{"id", os_id}, {"version_id", os_version_id}, {"key", os_key}}},
        {"architecture", architecture},
        {"kernel",
         {{"release", kernel_release},
          {"vermagic", vermagic},
          {"build_id", nullable(build_id)},
          {"config_sha256", nullable(config_sha256)},
          {"flavour", flavour}}},
        {"signer", nullable(signer)},
        {"modules", array_of(modules, module_json)},
        {"prerequisites", prerequisites},
        {"firmware", firmware},
        {"device_nodes", array_of(device_nodes,
                                  [](const DeviceNodeSpec& node) -> ordered_json {
                                      return {{"path", node.path},
                                              {"device", node.device},
                                              {"minor", node.minor},
                                              {"mode", octal(node.mode)}};
                                  })},
        {"daemons", array_of(daemons,
                             [](const DaemonSpec& daemon) -> ordered_json {
                                 return {{"name", daemon.name},
                                         {"program", daemon.program},
                                         {"version", daemon.version},
                                         {"library_path", daemon.library_path}};
                             })},
        {"programs", programs},
        {"libraries", libraries},
        {"size", {{"bytes", size_bytes}, {"inodes", inodes}}},
        {"user_space_layer", user_space_layer ? ordered_json(user_space_layer->text()) : ordered_json(nullptr)},
        {"program", program_json(*this)},
        {"files", array_of(files, file_json)}};
    return document.dump(2) + "\n";
}

}  // namespace overdrive
