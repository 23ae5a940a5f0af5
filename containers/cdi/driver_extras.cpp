#include "cdi/driver_extras.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace overdrive {

namespace {

constexpr std::array<std::string_view, 6> kProgramFolders{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                                          "/usr/bin",        "/sbin",          "/bin"};
constexpr std::array<std::string_view, 8> kPrograms{
    "nvidia-smi",  "nvidia-debugdump", "nvidia-persistenced", "nvidia-cuda-mps-control", "nvidia-cuda-mps-server",
    "nvidia-imex", "nvidia-imex-ctl",  "nvidia-xconfig"};
constexpr std::array<std::string_view, 3> kConfigurationFolders{"/etc", "/usr/local/share", "/usr/share"};
constexpr std::array<std::string_view, 9> kIntoShare{"glvnd/egl_vendor.d/10_nvidia.json",
                                                     "egl/egl_external_platform.d/15_nvidia_gbm.json",
                                                     "egl/egl_external_platform.d/10_nvidia_wayland.json",
                                                     "egl/egl_external_platform.d/09_nvidia_wayland2.json",
                                                     "egl/egl_external_platform.d/20_nvidia_xcb.json",
                                                     "egl/egl_external_platform.d/20_nvidia_xlib.json",
                                                     "nvidia/nvoptix.bin",
                                                     "X11/xorg.conf.d/10-nvidia.conf",
                                                     "X11/xorg.conf.d/nvidia-drm-outputclass.conf"};
constexpr std::string_view kOpenCl = "OpenCL/vendors/nvidia.icd";
/// Also looked for right below the tree: there GKE's installer puts them.
constexpr std::array<std::string_view, 5> kVulkan{
    "vulkan/icd.d/nvidia_icd.json", "vulkan/icd.d/nvidia_icd.x86_64.json", "vulkan/icd.d/nvidia_icd.aarch64.json",
    "vulkan/icd.d/nvidia_layers.json", "vulkan/implicit_layer.d/nvidia_layers.json"};
constexpr std::array<std::string_view, 6> kGraphicsLibraries{
    "libnvidia-egl-gbm.so.*.*", "libnvidia-egl-wayland.so.*.*", "libnvidia-egl-wayland2.so.*.*",
    "libnvidia-egl-xcb.so.*.*", "libnvidia-egl-xlib.so.*.*",    "libnvidia-vulkan-producer.so"};
constexpr std::array<std::string_view, 11> kExplicitLibraries{"libEGL.so",
                                                              "libGL.so",
                                                              "libGLESv1_CM.so",
                                                              "libGLESv2.so",
                                                              "libGLX.so",
                                                              "libGLdispatch.so",
                                                              "libOpenCL.so",
                                                              "libOpenGL.so",
                                                              "libnvidia-api.so",
                                                              "libnvidia-egl-xcb.so",
                                                              "libnvidia-egl-xlib.so"};

std::optional<mode_t> mode_of(const DriverTree& tree, const std::string& path) {
    const auto status = tree.files().status(path);
    return status ? std::optional{status->st_mode} : std::nullopt;
}

bool is_file(const DriverTree& tree, const std::string& path) {
    const auto mode = mode_of(tree, path);
    return mode && S_ISREG(*mode);
}

/// A file at `container_path`, mounted from where its links end.
CdiMount mount_of(const DriverTree& tree, const std::string& inside, const std::string& container_path) {
    return {tree.host_path(inside).value_or(tree.on_host(inside)), container_path, driver_mount_options(), {}};
}

void add_found(const DriverTree& tree, const std::string& inside, std::vector<CdiMount>& mounts) {
    const CdiMount mount = mount_of(tree, inside, inside);
    if (std::find(mounts.begin(), mounts.end(), mount) == mounts.end()) mounts.push_back(mount);
}

template <typename Patterns>
std::vector<CdiMount> libraries_like(const DriverTree& tree, const DriverLibraries& libraries,
                                     const Patterns& patterns) {
    std::vector<CdiMount> mounts;
    for (const std::string_view pattern : patterns) {
        const auto file = find_library(tree, libraries.directories, std::string{pattern});
        if (file) add_found(tree, *file, mounts);
    }
    return mounts;
}

/// Where the X server has its modules, the driver's own directory first.
std::vector<std::string> xorg_folders(const DriverLibraries& libraries) {
    std::vector<std::string> bases;
    for (const std::string& directory : libraries.directories) bases.push_back(directory + "/xorg");
    bases.insert(bases.end(), {"/usr/lib/xorg", "/usr/lib64/xorg", "/usr/X11R6/lib", "/usr/X11R6/lib64"});
    std::vector<std::string> folders;
    for (const std::string& directory : libraries.directories) folders.push_back(directory + "/nvidia/xorg");
    for (const std::string& base : bases) {
        for (const char* modules : {"/modules", "/modules/updates"}) {
            folders.push_back(base + modules + "/drivers");
            folders.push_back(base + modules + "/extensions");
        }
    }
    return folders;
}

/// The first place of a configuration file; empty when it is nowhere.
std::string find_configuration(const DriverTree& tree, std::string_view name, bool at_top) {
    for (const std::string_view folder : kConfigurationFolders) {
        std::string path = fmt::format("{}/{}", folder, name);
        if (is_file(tree, path)) return path;
    }
    std::string path = fmt::format("/{}", name);
    return at_top && is_file(tree, path) ? path : std::string{};
}

}  // namespace

std::vector<CdiMount> graphics_libraries(const DriverTree& tree, const DriverLibraries& libraries) {
    std::vector<CdiMount> mounts = libraries_like(tree, libraries, kGraphicsLibraries);
    const std::vector<std::string> folders = xorg_folders(libraries);
    for (const std::string& name : {std::string{"nvidia_drv.so"}, "libglxserver_nvidia.so." + libraries.version}) {
        const auto here = std::find_if(folders.begin(), folders.end(), [&](const std::string& folder) {
            return is_file(tree, fmt::format("{}/{}", folder, name));
        });
        if (here != folders.end()) add_found(tree, fmt::format("{}/{}", *here, name), mounts);
    }
    return mounts;
}

std::vector<CdiMount> graphics_configuration(const DriverTree& tree, const DriverTree& host,
                                             const std::vector<std::string>& folders) {
    std::vector<CdiMount> mounts;
    const auto add = [&](std::string_view name, std::string_view into, bool at_top) {
        const std::string container_path = fmt::format("{}/{}", into, name);
        if (folders.empty()) {
            const std::string path = find_configuration(tree, name, at_top);
            if (!path.empty()) mounts.push_back(mount_of(tree, path, container_path));
            return;
        }
        for (const std::string& folder : folders) {
            const std::string path = fmt::format("{}/{}", folder, name);
            if (!is_file(host, path)) continue;
            mounts.push_back(mount_of(host, path, container_path));
            return;
        }
    };
    for (const std::string_view name : kIntoShare) add(name, "/usr/share", false);
    add(kOpenCl, "/etc", false);
    for (const std::string_view name : kVulkan) add(name, "/etc", true);
    return mounts;
}

std::vector<std::string> graphics_links(const std::vector<CdiMount>& mounts, const std::string& version) {
    std::vector<std::string> links;
    for (const CdiMount& mount : mounts) {
        const std::size_t slash = mount.container_path.rfind('/');
        const std::string directory = mount.container_path.substr(0, slash + 1);
        const std::string name = mount.container_path.substr(slash + 1);
        if (name == "libnvidia-allocator.so." + version) {
            links.push_back(fmt::format("../libnvidia-allocator.so.1::{}gbm/nvidia-drm_gbm.so", directory));
        }
        for (const std::string_view library : {"libnvidia-vulkan-producer.so", "libglxserver_nvidia.so"}) {
            if (name == fmt::format("{}.{}", library, version))
                links.push_back(fmt::format("{}::{}{}", name, directory, library));
        }
    }
    return links;
}

std::vector<CdiMount> explicit_libraries(const DriverTree& tree, const DriverLibraries& libraries) {
    return libraries_like(tree, libraries, kExplicitLibraries);
}

std::vector<CdiMount> driver_programs(const DriverTree& tree) {
    std::vector<CdiMount> mounts;
    for (const std::string_view program : kPrograms) {
        for (const std::string_view folder : kProgramFolders) {
            const std::string path = fmt::format("{}/{}", folder, program);
            const auto mode = mode_of(tree, path);
            if (!mode || !S_ISREG(*mode) || (*mode & 0111U) == 0) continue;
            add_found(tree, path, mounts);
            break;
        }
    }
    return mounts;
}

std::vector<CdiMount> driver_firmware(const DriverTree& tree, const std::string& version,
                                      const std::string& firmware_path, const std::string& kernel_release) {
    std::vector<std::string> folders;
    if (!firmware_path.empty()) folders.push_back(firmware_path);
    for (const char* folder : {"/lib/firmware/updates", "/lib/firmware"}) {
        folders.push_back(fmt::format("{}/{}", folder, kernel_release));
        folders.emplace_back(folder);
    }
    std::vector<CdiMount> mounts;
    for (const std::string& folder : folders) {
        for (const std::string& path : tree.matches(fmt::format("{}/nvidia/{}/gsp*.bin", folder, version))) {
            if (is_file(tree, path)) add_found(tree, path, mounts);
        }
    }
    return mounts;
}

std::vector<CdiMount> driver_sockets(const DriverTree& tree, const DriverTree& host) {
    static const std::vector<std::string> options{"nosuid", "nodev", "rbind", "rprivate", "noexec"};
    std::vector<CdiMount> mounts;
    const auto add = [&](const std::vector<std::string>& places, auto&& is_right) {
        for (const DriverTree* const where : {&tree, &host}) {
            for (const std::string& place : places) {
                const auto mode = mode_of(*where, place);
                if (!mode || !is_right(*mode)) continue;
                mounts.push_back({where->host_path(place).value_or(where->on_host(place)), place, options, {}});
                return;
            }
        }
    };
    for (const char* socket : {"nvidia-persistenced/socket", "nvidia-fabricmanager/socket"}) {
        add({fmt::format("/run/{}", socket), fmt::format("/var/run/{}", socket)},
            [](mode_t mode) { return S_ISSOCK(mode); });
    }
    add({"/tmp/nvidia-mps"}, [](mode_t mode) { return S_ISDIR(mode); });
    return mounts;
}

}  // namespace overdrive
