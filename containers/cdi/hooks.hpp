#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cdi/spec.hpp"

namespace overdrive {

/// Makes the hooks of a specification: calls of one helper program whose sub-commands are those of `nvidia-cdi-hook`.
class CdiHookMaker {
public:
    struct Options {
        std::string path = "/usr/bin/nvidia-cdi-hook";  ///< of the helper on the host; `nvidia-ctk` has one word more
        std::string ldconfig_path{};                    ///< given to update-ldcache; empty: the helper's own choice
        std::set<std::string> disabled{};               ///< by name, or `all`
        std::set<std::string> enabled{};                ///< stronger than `disabled`; chmod is off unless it is here
    };

    explicit CdiHookMaker(Options options) : options_{std::move(options)} {}

    /// The hook, with an environment of its own so that no image's reaches the helper; nullopt when it is disabled, or
    /// is to make links and there are none.
    /// @param args  what the sub-command is about: links for create-symlinks, folders for update-ldcache, else as given
    [[nodiscard]] std::optional<CdiHook> make(const std::string& name, const std::vector<std::string>& args = {}) const;

private:
    [[nodiscard]] bool is_disabled(const std::string& name, const std::vector<std::string>& args) const;

    Options options_;
};

/// Whether a file's name is a shared library's: `libcuda.so.1`, `libcuda.so`.
[[nodiscard]] bool is_library_name(std::string_view name);
/// `libcuda.so.1` -> `libcuda.so`; empty when there is no `.so` in it.
[[nodiscard]] std::string development_name(std::string_view soname);

/// A mounted library with what is beside it on the host.
struct MountedLibrary {
    std::string container_path;
    std::optional<std::string> soname;     ///< empty: the file has none; nullopt: it is no shared object
    std::set<std::string> links_beside{};  ///< names of links in its directory on the host
};

/// The links that a container needs for `libraries`, as `TARGET::LINK`: those of the host (SONAME, `.so`), and three
/// that applications expect even where a host has them not (libcuda.so, libGLX_indirect.so.0,
/// libnvidia-opticalflow.so).
/// @param version  of the driver; only libraries with it in their name count. Empty: any version
[[nodiscard]] std::vector<std::string> library_links(const std::vector<MountedLibrary>& libraries,
                                                     std::string_view version);
/// The directories of the libraries among `mounts`, each once, in their order.
[[nodiscard]] std::vector<std::string> library_folders(const std::vector<CdiMount>& mounts);

}  // namespace overdrive
