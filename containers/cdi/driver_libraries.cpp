#include "cdi/driver_libraries.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "cdi/elf_soname.hpp"
#include "cdi/library_cache.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// In this order, as the container toolkit has them. Links among them are followed, so that none counts twice.
constexpr std::array<std::string_view, 11> kDirectories{"/",
                                                        "/usr/lib64",
                                                        "/usr/lib/x86_64-linux-gnu",
                                                        "/usr/lib/aarch64-linux-gnu",
                                                        "/usr/lib/x86_64-linux-gnu/nvidia/current",
                                                        "/usr/lib/aarch64-linux-gnu/nvidia/current",
                                                        "/lib64",
                                                        "/lib/x86_64-linux-gnu",
                                                        "/lib/aarch64-linux-gnu",
                                                        "/lib/x86_64-linux-gnu/nvidia/current",
                                                        "/lib/aarch64-linux-gnu/nvidia/current"};
constexpr std::array<std::string_view, 2> kNeeded{"libcuda", "libnvidia-ml"};
constexpr std::size_t kMostCacheBytes = 16U << 20U;

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_file(const DriverTree& tree, const std::string& path) {
    const auto status = tree.files().status(path);
    return status && S_ISREG(status->st_mode);
}

void add_once(std::vector<std::string>& list, const std::string& item) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

/// The regular files that match in `directory`, links followed.
std::vector<std::string> real_matches(const DriverTree& tree, std::string_view directory, const std::string& pattern) {
    std::vector<std::string> found;
    const std::string base = directory == "/" ? std::string{} : std::string{directory};
    for (const std::string& path : tree.matches(base + "/" + pattern)) {
        if (!is_file(tree, path)) continue;
        if (const auto real = tree.real_path(path)) add_once(found, *real);
    }
    return found;
}

/// Where `pattern` is: in the known directories, else where the tree's linker cache knows it.
std::vector<std::string> locate(const DriverTree& tree, const std::string& pattern) {
    std::vector<std::string> found;
    for (const std::string_view directory : kDirectories) {
        for (const std::string& path : real_matches(tree, directory, pattern)) add_once(found, path);
    }
    if (!found.empty()) return found;
    const auto cache = tree.files().read_file("/etc/ld.so.cache", kMostCacheBytes);
    if (!cache) return found;
    for (const std::string& path : libraries_in_cache(*cache)) {
        // The cache names SONAMEs; the file that one leads to has the version.
        const auto real = is_file(tree, path) ? tree.real_path(path) : std::nullopt;
        if (real && fnmatch(pattern.c_str(), name_of(*real).c_str(), 0) == 0) add_once(found, *real);
    }
    return found;
}

std::optional<std::string> soname_of(const DriverTree& tree, const std::string& path) {
    const auto fd = tree.files().open_if_exists(path, O_RDONLY);
    if (!fd) return std::nullopt;
    return soname_in([&](std::uint64_t offset, std::size_t size) {
        std::string bytes(size, '\0');
        const ssize_t got = pread(fd->get(), bytes.data(), size, static_cast<off_t>(offset));
        bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return bytes;
    });
}

/// The version in the name of the first library that tells it.
std::optional<std::string> version_by_names(const DriverTree& tree, const std::optional<std::string>& wanted) {
    for (const std::string_view library : kNeeded) {
        const std::string prefix = fmt::format("{}.so.", library);
        // The wanted one first: a tree may hold more than one version, and links of old ones.
        for (const std::string& pattern : {prefix + wanted.value_or("*.*"), prefix + "*.*"}) {
            const std::vector<std::string> found = locate(tree, pattern);
            if (!found.empty()) return name_of(found.front()).substr(prefix.size());
        }
    }
    return std::nullopt;
}

}  // namespace

DriverLibraries find_driver_libraries(const DriverTree& tree, const std::optional<std::string>& version) {
    const auto found = version_by_names(tree, version);
    if (!found) {
        throw Error{Errc::incomplete_artifact,
                    fmt::format("there is neither libcuda nor libnvidia-ml below '{}'", tree.place())}
            .with_remedy("name the directory that holds the driver with --driver-root");
    }
    if (version && *version != *found) {
        throw Error{Errc::incomplete_artifact, fmt::format("the loaded driver is {}, the libraries below '{}' are {}",
                                                           *version, tree.place(), *found)}
            .with_remedy("name the directory of the loaded driver with --driver-root");
    }
    DriverLibraries libraries{*found, {}, {}};
    for (const std::string& path : locate(tree, "lib*.so." + *found))
        add_once(libraries.directories, directory_of(path));
    std::vector<std::string> searched = libraries.directories;
    for (const std::string& directory : libraries.directories) {
        searched.push_back(directory == "/" ? "/vdpau" : directory + "/vdpau");
    }
    for (const std::string& directory : searched) {
        for (const std::string& path : real_matches(tree, directory, "*.so." + *found)) add_once(libraries.files, path);
    }
    for (const std::string& directory : libraries.directories) {
        for (const std::string& path : real_matches(tree, directory, "libnvidia-nvvm70.so.*"))
            add_once(libraries.files, path);
    }
    return libraries;
}

void require_libraries(const DriverLibraries& libraries, const DriverTree& tree,
                       const std::vector<std::string>& not_needed) {
    for (const std::string_view library : kNeeded) {
        if (std::find(not_needed.begin(), not_needed.end(), library) != not_needed.end()) continue;
        const std::string name = fmt::format("{}.so.{}", library, libraries.version);
        const bool there = std::any_of(libraries.files.begin(), libraries.files.end(),
                                       [&](const std::string& path) { return name_of(path) == name; });
        if (there) continue;
        throw Error{Errc::incomplete_artifact, fmt::format("{} is not in {} below '{}'", name,
                                                           fmt::join(libraries.directories, ", "), tree.place())}
            .with_remedy(fmt::format("install the whole driver, or say --allow-missing {}", library));
    }
}

std::optional<std::string> find_library(const DriverTree& tree, const std::vector<std::string>& directories,
                                        const std::string& pattern) {
    for (const std::string& directory : directories) {
        const std::vector<std::string> found = real_matches(tree, directory, pattern);
        if (!found.empty()) return found.front();
    }
    return std::nullopt;
}

const std::vector<std::string>& driver_mount_options() {
    static const std::vector<std::string> kOptions{"ro", "nosuid", "nodev", "rbind", "rprivate"};
    return kOptions;
}

std::vector<CdiMount> library_mounts(const DriverTree& tree, const std::vector<std::string>& files) {
    std::vector<CdiMount> mounts;
    for (const std::string& file : files) mounts.push_back({tree.on_host(file), file, driver_mount_options(), {}});
    return mounts;
}

std::vector<MountedLibrary> look_beside(const DriverTree& tree, const std::vector<CdiMount>& mounts) {
    std::vector<MountedLibrary> libraries;
    for (const CdiMount& mount : mounts) {
        MountedLibrary library{mount.container_path, {}, {}};
        library.soname = soname_of(tree, mount.container_path);
        const std::string directory = directory_of(mount.container_path);
        const auto note_link = [&](const std::string& name) {
            if (name.empty()) return;
            const auto status = tree.files().link_status(directory + "/" + name);
            if (status && S_ISLNK(status->st_mode)) library.links_beside.insert(name);
        };
        const std::string asked_for =
            library.soname.value_or("").empty() ? name_of(mount.container_path) : *library.soname;
        if (library.soname) {
            note_link(asked_for);
            note_link(development_name(asked_for));
        }
        libraries.push_back(std::move(library));
    }
    return libraries;
}

}  // namespace overdrive
