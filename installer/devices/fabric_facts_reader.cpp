#include "devices/fabric_facts_reader.hpp"

#include <fmt/format.h>

#include "devices/pci_functions.hpp"
#include "model/daemon_plan.hpp"

namespace overdrive {

namespace {

constexpr unsigned kNvidia = 0x10de;
constexpr unsigned kMellanox = 0x15b3;
constexpr unsigned kBridge = 0x0680;
constexpr unsigned kInfiniband = 0x0207;
constexpr const char* kSwitchManagement = "SW_MNG";
constexpr std::size_t kMostVpdBytes = 32U << 10U;  ///< the most that PCI can address
constexpr const char* kImexNodes = "/etc/nvidia-imex/nodes_config.cfg";
constexpr std::size_t kMostImexBytes = 1U << 20U;

/// nullopt when it is absent or cannot be read: vital product data of a function that sleeps gives errors.
std::optional<std::string> readable(const Root& root, const std::string& path, std::size_t most) {
    try {
        return root.read_file(path, most);
    } catch (const Error&) {
        return std::nullopt;
    }
}

bool manages_switches(const Root& root, const PciFunction& function) {
    const auto vpd = readable(root, function.directory + "/vpd", kMostVpdBytes);
    return vpd && vpd->find(kSwitchManagement) != std::string::npos;
}

SwitchManager read_manager(const Root& root, const PciFunction& function) {
    SwitchManager manager{.address = function.address, .port = {}};
    const std::string devices = function.directory + "/infiniband";
    for (const std::string& device : root.list(devices)) {
        const std::string ports = fmt::format("{}/{}/ports", devices, device);
        for (const std::string& port : root.list(ports)) {
            const std::string place = fmt::format("{}/{}/", ports, port);
            const auto guid = port_guid(first_line(root, place + "gids/0"));
            if (!guid) continue;
            const bool may_manage = allows_subnet_manager(first_line(root, place + "cap_mask"));
            if (manager.port && !may_manage) continue;  // a later one is better only if it may
            manager.port = guid;
            manager.may_manage = may_manage;
            if (may_manage) return manager;
        }
    }
    return manager;
}

}  // namespace

FabricFacts read_fabric_facts(const Root& root) {
    FabricFacts facts;
    const std::vector<PciFunction> functions = read_pci_functions(root);
    for (const PciFunction& function : functions) {
        if (function.vendor == kNvidia && function.device_class == kBridge) facts.switches.push_back(function.address);
    }
    // Vital product data comes slowly over the bus: it is read only where it can matter.
    for (const PciFunction& function : functions) {
        const bool candidate =
            facts.switches.empty() && function.vendor == kMellanox && function.device_class == kInfiniband;
        if (candidate && manages_switches(root, function))
            facts.switch_managers.push_back(read_manager(root, function));
    }
    if (!facts.switch_managers.empty()) {
        for (const std::string_view module : kSwitchManagerModules) {
            if (!root.exists(fmt::format("/sys/module/{}", module))) facts.missing_modules.emplace_back(module);
        }
    }
    facts.imex_nodes = names_nodes(readable(root, kImexNodes, kMostImexBytes).value_or(""));
    return facts;
}

}  // namespace overdrive
