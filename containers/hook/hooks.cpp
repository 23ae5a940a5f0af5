#include "hook/hooks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "hook/application_profile.hpp"
#include "hook/container_root.hpp"
#include "hook/cuda_compat.hpp"
#include "hook/driver_params.hpp"
#include "hook/ldconfig_run.hpp"
#include "hook/link_spec.hpp"
#include "hook/linker_config.hpp"
#include "hook/musl_path.hpp"
#include "hook/oci_state.hpp"
#include "support/error.hpp"
#include "support/root.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostStateBytes = 1U << 20U;
constexpr std::size_t kMostConfigBytes = 64U << 20U;

/// A file of the runtime or the host, which is trusted; its size is not.
std::string host_file(const std::string& path, std::size_t most) {
    const UniqueFd file{openat(AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) throw Error::from_errno(Errc::io, errno, fmt::format("open '{}'", path));
    return read_all(file.get(), path, most);
}

ContainerRoot container_of(const HookCall& call) {
    const std::string source = call.one("container-spec", "-");
    const std::string text = source.empty() || source == "-"
                                 ? read_all(STDIN_FILENO, "the container state on standard input", kMostStateBytes)
                                 : host_file(source, kMostStateBytes);
    const ContainerState state = parse_state(text);
    return ContainerRoot::open_path(
        container_root_path(state, [&] { return host_file(state.bundle + "/config.json", kMostConfigBytes); }));
}

void create_symlinks(const HookCall& call) {
    const std::vector<LinkSpec> links = parse_links(call.all("link"));
    const ContainerRoot root = container_of(call);
    for (const LinkSpec& link : links) root.replace_link(link.path, link.target);
}

void update_ldcache(const HookCall& call) {
    std::vector<std::string> folders;
    for (const std::string& folder : call.all("folder")) folders.push_back(checked_path(folder, "--folder"));
    const std::string ldconfig = call.one("ldconfig-path", "/sbin/ldconfig");
    if (ldconfig.empty()) throw Error{Errc::usage, "--ldconfig-path is empty"};
    const ContainerRoot root = container_of(call);
    const std::vector<std::string> unreached = configure_linker(root, folders);
    update_musl_path(root, folders);
    run_ldconfig(root, ldconfig, unreached);
}

void cuda_compat(const HookCall& call, const std::function<void(const std::string&)>& warn) {
    const std::string folder =
        checked_path(call.one("cuda-compat-container-root", "/usr/local/cuda/compat"), "--cuda-compat-container-root");
    const CudaHost host{call.one("host-driver-version"), call.one("host-cuda-version")};
    if (host.driver_version.empty() && host.cuda_version.empty()) return;
    enable_cuda_compat(container_of(call), folder, host, warn);
}

void disable_device_nodes(const HookCall& call, const std::function<void(const std::string&)>& warn) {
    if (access(kDriverParams, F_OK) != 0 && errno == ENOENT) return;  // no driver is loaded
    const std::optional<std::string> text = params_without_device_files(host_file(kDriverParams, 1U << 16U));
    if (text && !cover_driver_params(container_of(call), *text))
        warn(fmt::format("the container has no '{}'; it is left without", kDriverParams));
}

void change_modes(const HookCall& call) {
    const mode_t mode = parse_mode(call.one("mode"));
    std::vector<std::string> paths;
    for (const std::string& path : call.all("path")) paths.push_back(checked_path(path, "--path"));
    const ContainerRoot root = container_of(call);
    for (const std::string& path : paths) {
        const std::optional<UniqueFd> found = root.find(path);
        struct stat status {};
        if (!found || (fstat(found->get(), &status) == 0 && (status.st_mode & 07777U) == mode)) continue;
        const std::string descriptor = fmt::format("/proc/self/fd/{}", found->get());
        // Where the whole of the host's /dev is mounted the modes are not ours to change.
        if (chmod(descriptor.c_str(), mode) != 0 && errno != EPERM && errno != EACCES)
            throw Error::from_errno(Errc::io, errno, fmt::format("set the mode of '{}' in the container", path));
    }
}

}  // namespace

void run_hook(const HookCall& call, const std::function<void(const std::string&)>& warn) {
    if (call.name == "create-symlinks") return create_symlinks(call);
    if (call.name == "update-ldcache") return update_ldcache(call);
    if (call.name == "enable-cuda-compat") return cuda_compat(call, warn);
    if (call.name == "disable-device-node-modification") return disable_device_nodes(call, warn);
    if (call.name == "update-application-profile") return update_application_profile(container_of(call));
    if (call.name == "chmod") return change_modes(call);
    throw std::logic_error{"a sub-command that the command line knows is not written"};
}

}  // namespace overdrive
