#include "cdi/engine_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "cdi/folders.hpp"
#include "model/toml_document.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

using nlohmann::json;

constexpr std::size_t kMostBytes = 1U << 20U;
constexpr std::size_t kMostFiles = 100;

/// The settings while files are read into them, the stronger ones later.
class Reader {
public:
    explicit Reader(const Root& root) : root_{root} {
        settings_.folders.assign(std::begin(kCdiFolders), std::end(kCdiFolders));
    }

    /// Calls `look` with the document; what is wrong with the file is a problem.
    void toml_file(const std::string& path, const std::function<void(const toml::table&)>& look) {
        read(path, [&](const std::string& text) { look(parse_toml(text, path)); });
    }

    void toml_folder(const std::string& folder, const std::string& suffix,
                     const std::function<void(const std::string&, const toml::table&)>& look) {
        for (const std::string& path : files_in(folder, suffix))
            toml_file(path, [&](const toml::table& document) { look(path, document); });
    }

    void json_file(const std::string& path, const std::function<void(const json&)>& look) {
        read(path, [&](const std::string& text) {
            const json document = json::parse(text, nullptr, false);
            if (!document.is_object()) throw Error{Errc::config, fmt::format("'{}' is no JSON object", path)};
            look(document);
        });
    }

    void take_folders(const std::string& path, std::vector<std::string> folders) {
        if (folders.empty()) return;
        settings_.folders = std::move(folders);
        settings_.said_by = path;
    }
    void take_folders(const std::string& path, const toml::node_view<const toml::node>& node) {
        std::vector<std::string> folders;
        if (const toml::array* array = node.as_array(); array != nullptr) {
            for (const toml::node& entry : *array) {
                if (const auto text = entry.value<std::string>()) folders.push_back(*text);
            }
        }
        take_folders(path, std::move(folders));
    }
    void take_enabled(const toml::node_view<const toml::node>& node) {
        if (const auto enabled = node.value<bool>()) settings_.enabled = *enabled;
    }
    void take_enabled(bool enabled) { settings_.enabled = enabled; }

    [[nodiscard]] std::vector<std::string> files_in(const std::string& folder, const std::string& suffix) {
        std::vector<std::string> paths;
        tolerating(folder, [&] {
            for (const std::string& name : root_.list(folder)) {
                if (name.ends_with(suffix) && paths.size() < kMostFiles) paths.push_back(folder + "/" + name);
            }
        });
        return paths;
    }

    [[nodiscard]] CdiEngineSettings result() && { return std::move(settings_); }

private:
    void read(const std::string& path, const std::function<void(const std::string&)>& look) {
        tolerating(path, [&] {
            // Not opened before it is known to be a file: a pipe would never answer.
            const auto status = root_.status(path);
            if (!status || !S_ISREG(status->st_mode)) return;
            if (const auto text = root_.read_file(path, kMostBytes)) look(*text);
        });
    }

    void tolerating(const std::string& path, const std::function<void()>& body) {
        try {
            body();
        } catch (const Error& error) {
            if (error.code() == Errc::interrupted) throw;
            settings_.problems.push_back(fmt::format("'{}' cannot be read: {}", path, error.what()));
        }
    }

    const Root& root_;
    CdiEngineSettings settings_;
};

void read_podman(Reader& reader) {
    const auto look = [&](const std::string& path, const toml::table& document) {
        reader.take_folders(path, document["engine"]["cdi_spec_dirs"]);
    };
    for (const char* place : {"/usr/share/containers", "/etc/containers"}) {
        const std::string file = fmt::format("{}/containers.conf", place);
        reader.toml_file(file, [&](const toml::table& document) { look(file, document); });
        reader.toml_folder(file + ".d", ".conf", look);
    }
}

void read_docker(Reader& reader) {
    const std::string path = "/etc/docker/daemon.json";
    reader.json_file(path, [&](const json& document) {
        if (const auto dirs = document.find("cdi-spec-dirs"); dirs != document.end() && dirs->is_array()) {
            std::vector<std::string> folders;
            for (const json& entry : *dirs) {
                if (entry.is_string()) folders.push_back(entry.get<std::string>());
            }
            reader.take_folders(path, std::move(folders));
        }
        const auto features = document.find("features");
        if (features == document.end() || !features->is_object()) return;
        if (const auto cdi = features->find("cdi"); cdi != features->end() && cdi->is_boolean())
            reader.take_enabled(cdi->get<bool>());
    });
}

/// The CRI plugin as version 3 of the configuration names it (containerd 2), and as versions 1 and 2 do.
void take_containerd(Reader& reader, const std::string& path, const toml::table& document) {
    const toml::node_view<const toml::node> plugins = document["plugins"];
    for (const char* plugin : {"cri", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"}) {
        reader.take_folders(path, plugins[plugin]["cdi_spec_dirs"]);
        reader.take_enabled(plugins[plugin]["enable_cdi"]);
    }
}

void read_containerd(Reader& reader) {
    const std::string path = "/etc/containerd/config.toml";
    reader.toml_file(path, [&](const toml::table& document) {
        take_containerd(reader, path, document);
        const toml::array* imports = document["imports"].as_array();
        if (imports == nullptr) return;
        for (const toml::node& entry : *imports) {
            const std::string pattern = entry.value<std::string>().value_or("");
            const std::size_t star = pattern.rfind("/*");
            if (!pattern.starts_with('/')) continue;
            const std::vector<std::string> paths =
                star == std::string::npos ? std::vector<std::string>{pattern}
                                          : reader.files_in(pattern.substr(0, star), pattern.substr(star + 2));
            for (const std::string& file : paths)
                reader.toml_file(file, [&](const toml::table& imported) { take_containerd(reader, file, imported); });
        }
    });
}

void read_crio(Reader& reader) {
    const auto look = [&](const std::string& path, const toml::table& document) {
        reader.take_folders(path, document["crio"]["runtime"]["cdi_spec_dirs"]);
    };
    reader.toml_file("/etc/crio/crio.conf",
                     [&](const toml::table& document) { look("/etc/crio/crio.conf", document); });
    reader.toml_folder("/etc/crio/crio.conf.d", ".conf", look);
}

}  // namespace

CdiEngineSettings read_engine_settings(const Root& root, const std::string& engine) {
    Reader reader{root};
    if (engine == "podman") read_podman(reader);
    if (engine == "docker") read_docker(reader);
    if (engine == "containerd") read_containerd(reader);
    if (engine == "cri-o") read_crio(reader);
    return std::move(reader).result();
}

bool is_cdi_on_by_default(const CdiEngine& engine) {
    if (engine.name == "docker") return engine.version >= CdiVersion{28, 2, 0};
    if (engine.name == "containerd") return engine.version >= CdiVersion{2, 0, 0};
    return true;
}

std::string how_to_enable_cdi(const std::string& engine) {
    if (engine == "docker") return R"("features": {"cdi": true} in /etc/docker/daemon.json, then restart docker)";
    return R"(enable_cdi = true in [plugins."io.containerd.grpc.v1.cri"] of /etc/containerd/config.toml, then restart )"
           "containerd";
}

}  // namespace overdrive
