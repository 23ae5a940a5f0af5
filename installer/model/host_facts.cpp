#include "model/host_facts.hpp"

#include <algorithm>

namespace overdrive {

std::string kernel_spelling(std::string_view module_name) {
    std::string name{module_name};
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

bool has_option(std::string_view options, std::string_view option) noexcept {
    while (!options.empty()) {
        const std::size_t comma = options.find(',');
        if (options.substr(0, comma) == option) return true;
        options = comma == std::string_view::npos ? std::string_view{} : options.substr(comma + 1);
    }
    return false;
}

const LoadedModule* HostFacts::loaded(std::string_view module_name) const noexcept {
    const auto found = std::find_if(modules.begin(), modules.end(), [&](const LoadedModule& module) {
        return std::equal(module.name.begin(), module.name.end(), module_name.begin(), module_name.end(),
                          [](char a, char b) { return a == (b == '-' ? '_' : b); });
    });
    return found == modules.end() ? nullptr : &*found;
}

bool HostFacts::usr_is_read_only() const noexcept {
    // The last mount on a target is the visible one; without a mount of its own /usr belongs to the root mount.
    const MountEntry* usr = nullptr;
    const MountEntry* root = nullptr;
    for (const MountEntry& mount : mounts) {
        if (mount.target == "/usr") usr = &mount;
        if (mount.target == "/") root = &mount;
    }
    const MountEntry* const decides = usr != nullptr ? usr : root;
    return decides != nullptr && (has_option(decides->options, "ro") || has_option(decides->super_options, "ro"));
}

}  // namespace overdrive
