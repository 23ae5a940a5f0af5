#include "hook/application_profile.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>

#include "hook/container_root.hpp"

namespace overdrive {

int gpu_of_node(std::string_view name) noexcept {
    constexpr std::string_view kPrefix = "nvidia";
    if (!name.starts_with(kPrefix)) return -1;
    name.remove_prefix(kPrefix.size());
    int number = -1;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool digits_only =
        !name.empty() && name.front() != '-' && error == std::errc{} && end == name.data() + name.size();
    return digits_only ? number : -1;
}

std::uint64_t gpu_mask(const ContainerRoot& root) {
    std::uint64_t mask = 0;
    for (const std::string& name : root.list("/dev")) {
        if (gpu_of_node(name) < 0) continue;
        const auto node = root.find("/dev/" + name);
        struct stat status {};
        if (!node || fstat(node->get(), &status) != 0 || !S_ISCHR(status.st_mode)) continue;
        const unsigned number = minor(status.st_rdev);
        if (number < 64) mask |= std::uint64_t{1} << number;
    }
    return mask;
}

std::string application_profile(std::uint64_t mask) {
    return fmt::format(R"({{"profiles":[{{"name":"_container_","settings":["EGLVisibleDGPUDevices",0x{:x}]}}],)"
                       R"("rules":[{{"pattern":[],"profile":"_container_"}}]}})",
                       mask);
}

void update_application_profile(const ContainerRoot& root) {
    constexpr std::string_view kFile = "/etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf";
    const std::uint64_t mask = gpu_mask(root);
    if (mask != 0) root.replace_file(kFile, application_profile(mask), 0444);
}

}  // namespace overdrive
