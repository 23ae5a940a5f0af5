#include "os/boot_kernel.hpp"

#include <algorithm>
#include <vector>

#include "model/grub_menu.hpp"
#include "os/os_tree.hpp"

namespace overdrive {

namespace {

std::vector<std::string> installed_kernels(const Root& root) {
    std::vector<std::string> releases;
    for (const std::string& name : root.list("/boot")) {
        auto release = release_of_image(name);
        if (release && root.exists("/lib/modules/" + *release)) releases.push_back(std::move(*release));
    }
    return releases;
}

/// What the boot loader is told to boot; nullopt where that cannot be told.
std::optional<std::string> configured_kernel(const Root& root) {
    if (const auto menu = root.read_file("/boot/grub/grub.cfg")) {
        const auto image = grub_default_kernel(*menu, root.read_file("/boot/grub/grubenv").value_or(""));
        return image ? release_of_image(*image) : std::nullopt;
    }
    for (const char* link : {"/boot/vmlinuz", "/vmlinuz"}) {
        const auto status = root.link_status(link);
        if (!status || !S_ISLNK(status->st_mode)) continue;
        if (auto release = release_of_image(root.read_link(link).value_or(""))) return release;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> default_boot_kernel(const Root& root) {
    const std::vector<std::string> installed = installed_kernels(root);
    const auto configured = configured_kernel(root);
    if (configured && std::find(installed.begin(), installed.end(), *configured) != installed.end()) return configured;
    return newest_kernel(installed);
}

}  // namespace overdrive
