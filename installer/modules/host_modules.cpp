#include "modules/host_modules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "modules/module_facts_reader.hpp"
#include "modules/module_file.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostIndex = 16U << 20U;
constexpr std::size_t kMostModules = 24;
constexpr std::size_t kFewModules = 2;
constexpr off_t kMostCompressed = 512U << 10U;

/// Modules that use much of what a GPU driver uses.
constexpr std::array<std::string_view, 16> kTelling{
    "drm",  "ttm",      "drm_kms_helper", "video",           "vfio",          "vfio-pci-core", "ib_core", "virtio_pci",
    "nvme", "xhci-pci", "i2c-core",       "ipmi_msghandler", "snd-hda-intel", "ext4",          "overlay", "fuse"};

std::string_view name_of(std::string_view path) {
    const std::string_view file = path.substr(path.rfind('/') + 1);
    return file.substr(0, file.find('.'));
}

std::size_t rank_of(std::string_view path) {
    const auto found = std::find(kTelling.begin(), kTelling.end(), name_of(path));
    return static_cast<std::size_t>(found - kTelling.begin());
}

void add(HostModules& known, const std::string& path) {
    const KmodModule module = open_module_file(path);
    const ModuleInfo info = read_module_info(module.get());
    if (!known.vermagic && !info.vermagic.empty()) known.vermagic = info.vermagic;
    known.symbols.merge(read_symbol_versions(module.get()));
    SignerKey signer{.issuer = info.signer, .serial = info.signer_serial, .key_id = "", .subject = ""};
    const bool is_new = std::find(known.signers.begin(), known.signers.end(), signer) == known.signers.end();
    if (!signer.serial.empty() && is_new) known.signers.push_back(std::move(signer));
}

}  // namespace

std::vector<std::string> telling_modules(std::string_view modules_dep) {
    std::vector<std::string> paths;
    while (!modules_dep.empty()) {
        const std::size_t end = std::min(modules_dep.find('\n'), modules_dep.size());
        const std::string_view line = modules_dep.substr(0, end);
        modules_dep.remove_prefix(std::min(end + 1, modules_dep.size()));
        const std::size_t colon = line.find(':');
        // What others put beside the kernel's own (extra/, updates/dkms/) says nothing about the kernel.
        if (colon != std::string_view::npos && line.starts_with("kernel/") &&
            line.find("../") == std::string_view::npos)
            paths.emplace_back(line.substr(0, colon));
    }
    std::stable_sort(paths.begin(), paths.end(),
                     [](const std::string& a, const std::string& b) { return rank_of(a) < rank_of(b); });
    return paths;
}

HostModules read_host_modules(const Root& root, const std::string& kernel_release, Depth depth) {
    HostModules known;
    const std::string directory = "/lib/modules/" + kernel_release;
    std::size_t left = depth == Depth::few ? kFewModules : kMostModules;
    off_t compressed_left = kMostCompressed;
    try {
        for (const std::string& path :
             telling_modules(root.read_file(directory + "/modules.dep", kMostIndex).value_or(""))) {
            if (left == 0) break;
            try {
                const std::string full = directory + "/" + path;
                const auto status = root.status(full);
                if (!status) continue;
                const bool is_compressed = !path.ends_with(".ko");
                if (is_compressed && status->st_size > compressed_left) continue;
                if (is_compressed) compressed_left -= status->st_size;
                --left;
                add(known, real_module_path(root, full));
            } catch (const Error&) {  // another one tells as much
            }
        }
    } catch (const Error&) {  // no index: nothing is known
    }
    return known;
}

}  // namespace overdrive
