#include "cdi/hooks.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>

namespace overdrive {

namespace {

struct Path {
    std::string directory;  ///< with its slash
    std::string name;
};

Path split(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return {"", path};
    return {path.substr(0, slash + 1), path.substr(slash + 1)};
}

bool matches(const std::string& pattern, const std::string& name) {
    return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

std::string link(const std::string& target, const std::string& place) { return target + "::" + place; }

/// The one link that applications expect whatever the host has; nullopt for most libraries.
std::optional<std::string> expected_link(const Path& library, const std::string& suffix) {
    if (matches("libcuda.so." + suffix, library.name)) return link("libcuda.so.1", library.directory + "libcuda.so");
    if (matches("libGLX_nvidia.so." + suffix, library.name))
        return link(library.name, library.directory + "libGLX_indirect.so.0");
    if (matches("libnvidia-opticalflow.so." + suffix, library.name))
        return link("libnvidia-opticalflow.so.1", library.directory + "libnvidia-opticalflow.so");
    return std::nullopt;
}

std::vector<std::string> links_of_host(const MountedLibrary& library, const Path& path, const std::string& suffix) {
    std::vector<std::string> links;
    if (!library.soname || !matches("*." + suffix, path.name)) return links;
    // A library without a name of its own is asked for by its file's.
    const std::string& soname = library.soname->empty() ? path.name : *library.soname;
    if (soname != path.name && library.links_beside.contains(soname)) {
        links.push_back(link(path.name, path.directory + soname));
    }
    const std::string plain = development_name(soname);
    if (plain != soname && library.links_beside.contains(plain)) links.push_back(link(soname, path.directory + plain));
    return links;
}

}  // namespace

bool CdiHookMaker::is_disabled(const std::string& name, const std::vector<std::string>& args) const {
    if (options_.enabled.contains(name)) return false;
    if (options_.disabled.contains(name) || options_.disabled.contains("all")) return true;
    // The folders' modes are a workaround for engines that are long gone (containers/crun #1047).
    if (name == "chmod") return true;
    return name == "create-symlinks" && args.empty();
}

std::optional<CdiHook> CdiHookMaker::make(const std::string& name, const std::vector<std::string>& args) const {
    if (is_disabled(name, args)) return std::nullopt;
    const std::string program = split(options_.path).name;
    CdiHook hook{"createContainer", options_.path, {program}, {"NVIDIA_CTK_DEBUG=false"}, {}};
    if (program == "nvidia-ctk") hook.args.emplace_back("hook");
    hook.args.push_back(name);
    if (name == "update-ldcache" && !options_.ldconfig_path.empty()) {
        hook.args.insert(hook.args.end(), {"--ldconfig-path", options_.ldconfig_path});
    }
    const char* const option = name == "create-symlinks" ? "--link" : name == "update-ldcache" ? "--folder" : nullptr;
    for (const std::string& arg : args) {
        if (option != nullptr) hook.args.emplace_back(option);
        hook.args.push_back(arg);
    }
    return hook;
}

bool is_library_name(std::string_view name) {
    if (!matches("lib?*.so*", std::string{name})) return false;
    const std::string_view after = name.substr(name.rfind(".so") + 3);
    return after.empty() || after.starts_with('.');
}

std::string development_name(std::string_view soname) {
    while (true) {
        const std::size_t dot = soname.rfind('.');
        if (dot == std::string_view::npos) return {};
        if (soname.substr(dot) == ".so") return std::string{soname};
        soname = soname.substr(0, dot);
    }
}

std::vector<std::string> library_links(const std::vector<MountedLibrary>& libraries, std::string_view version) {
    const std::string suffix = version.empty() ? "*.*" : std::string{version};
    std::vector<std::string> links;
    const auto add = [&](std::string text) {
        if (std::find(links.begin(), links.end(), text) == links.end()) links.push_back(std::move(text));
    };
    for (const MountedLibrary& library : libraries) {
        const Path path = split(library.container_path);
        if (auto expected = expected_link(path, suffix)) add(std::move(*expected));
        for (std::string& text : links_of_host(library, path, suffix)) add(std::move(text));
    }
    return links;
}

std::vector<std::string> library_folders(const std::vector<CdiMount>& mounts) {
    std::vector<std::string> folders;
    for (const CdiMount& mount : mounts) {
        const Path path = split(mount.container_path);
        if (!is_library_name(path.name)) continue;
        const std::string folder =
            path.directory.size() > 1 ? path.directory.substr(0, path.directory.size() - 1) : path.directory;
        if (std::find(folders.begin(), folders.end(), folder) == folders.end()) folders.push_back(folder);
    }
    return folders;
}

}  // namespace overdrive
