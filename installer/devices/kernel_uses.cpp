#include <fmt/format.h>

#include <algorithm>

#include "devices/host_texts.hpp"
#include "devices/proc_device_holders.hpp"
#include "devices/process_text.hpp"

namespace overdrive {

namespace {

constexpr const char* kFramebuffers = "/sys/class/graphics";
constexpr const char* kConsoles = "/sys/class/vtconsole";

std::string text_of(const Root& root, const std::string& path) {
    return printable_ascii(root.read_file(path).value_or(""));
}

/// `fb0`, when nvidia_drm made it. @see drm_fb_helper.c: a framebuffer is named `<driver>drmfb`
std::string driver_framebuffer(const Root& root) {
    for (const std::string& name : root.list(kFramebuffers)) {
        if (text_of(root, fmt::format("{}/{}/name", kFramebuffers, name)).starts_with("nvidia")) return name;
    }
    return {};
}

/// `vtcon1`, when the text console is drawn on a framebuffer. @see Documentation/fb/fbcon.rst
std::string bound_console(const Root& root) {
    for (const std::string& name : root.list(kConsoles)) {
        const std::string place = fmt::format("{}/{}", kConsoles, name);
        const bool on_framebuffer = text_of(root, place + "/name").find("frame buffer") != std::string::npos;
        if (on_framebuffer && text_of(root, place + "/bind") == "1") return name;
    }
    return {};
}

/// References to a module that its users in /proc/modules do not explain.
bool has_open_references(const std::vector<LoadedModule>& modules, std::string_view name) {
    return std::any_of(modules.begin(), modules.end(), [&](const LoadedModule& module) {
        return module.name == name && module.refcount > module.users.size();
    });
}

}  // namespace

std::vector<KernelUse> find_kernel_uses(const Root& root) {
    std::vector<KernelUse> uses;
    const std::vector<LoadedModule> modules = parse_modules(root.read_file("/proc/modules").value_or(""));
    const std::string framebuffer = driver_framebuffer(root);
    const std::string console = bound_console(root);
    if (!framebuffer.empty() && !console.empty()) {
        uses.push_back({"nvidia_drm", fmt::format("the text console is drawn on {}", framebuffer),
                        fmt::format("'echo 0 > {}/{}/bind' takes the console off it", kConsoles, console)});
    }
    if (has_open_references(modules, "nvidia_peermem")) {
        uses.push_back({"nvidia_peermem", "RDMA has GPU memory registered",
                        "end the jobs that use GPUDirect RDMA, then 'rmmod nvidia_peermem'"});
    }
    if (has_open_references(modules, "nvidia_vgpu_vfio"))
        uses.push_back({"nvidia_vgpu_vfio", "a virtual machine has a vGPU", "shut the virtual machine down"});
    return uses;
}

}  // namespace overdrive
