#include "cdi/driver_edits.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cdi/driver_extras.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostBytes = 4096;

void add(CdiEdits& edits, std::vector<CdiMount> mounts) {
    for (CdiMount& mount : mounts) edits.mounts.push_back(std::move(mount));
}

void add(CdiEdits& edits, std::optional<CdiHook> hook) {
    if (hook) edits.hooks.push_back(std::move(*hook));
}

std::string firmware_path(const DriverTree& sys) {
    std::string path = sys.files().read_file("/module/firmware_class/parameters/path", kMostBytes).value_or("");
    while (!path.empty() && (path.back() == '\n' || path.back() == ' ')) path.pop_back();
    return path;
}

}  // namespace

CdiEdits driver_edits(const CdiRoots& roots, const DriverLibraries& libraries, const CdiGenerateOptions& options,
                      const CdiHookMaker& hooks, bool graphics) {
    CdiEdits edits;
    std::vector<CdiMount> mounted = library_mounts(roots.driver, libraries.files);
    if (options.feature_flags.contains("enable-explicit-driver-libraries")) {
        for (CdiMount& mount : explicit_libraries(roots.driver, libraries)) mounted.push_back(std::move(mount));
    }
    edits.env.push_back(fmt::format("NVIDIA_CTK_LIBCUDA_DIR={}", fmt::join(libraries.directories, ":")));
    edits.env.emplace_back(kVoidDevices);
    add(edits, mounted);
    add(edits, driver_firmware(roots.driver, libraries.version, firmware_path(roots.sys), options.kernel_release));
    add(edits, driver_programs(roots.driver));
    if (!options.feature_flags.contains("disable-ipc-discoverer")) add(edits, driver_sockets(roots.driver, roots.host));
    add(edits, hooks.make("create-symlinks", library_links(look_beside(roots.driver, mounted), {})));
    add(edits, hooks.make("enable-cuda-compat", {"--host-driver-version=" + libraries.version}));
    add(edits, hooks.make("update-ldcache", library_folders(mounted)));
    add(edits, hooks.make("disable-device-node-modification"));
    if (!graphics) return edits;
    add(edits, hooks.make("update-application-profile"));
    for (CdiMount& mount : graphics_libraries(roots.driver, libraries)) {
        mounted.push_back(mount);
        edits.mounts.push_back(std::move(mount));
    }
    add(edits, graphics_configuration(roots.driver, roots.host, options.config_search_paths));
    add(edits, hooks.make("create-symlinks", graphics_links(mounted, libraries.version)));
    return edits;
}

}  // namespace overdrive
