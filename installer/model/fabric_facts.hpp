#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// A PCI function that manages the NVSwitches of NVLink 5: an InfiniBand function of a ConnectX whose vital product
/// data says SW_MNG. @see NVIDIA Fabric Manager User Guide, "NVLink 5"
struct SwitchManager {
    std::string address;              ///< `0000:05:00.0`
    std::optional<std::string> port;  ///< GUID of its port, `0x...`; nullopt while no driver has made its device
    bool may_manage = false;          ///< a subnet manager may run on that port
};

/// What of the hardware, and of what the operator set up, asks for more daemons than nvidia-persistenced.
struct FabricFacts {
    std::vector<std::string> switches;           ///< PCI addresses of NVSwitches up to NVLink 4: 10de:*, class 0680
    std::vector<SwitchManager> switch_managers;  ///< only looked for where there are none of the former
    std::vector<std::string> missing_modules;    ///< those of kSwitchManagerModules that are not loaded
    bool imex_nodes = false;                     ///< /etc/nvidia-imex/nodes_config.cfg names nodes
};

/// `fe80:0000:0000:0000:e09d:7303:003f:3bf8`, a port's first GID -> its GUID `0xe09d7303003f3bf8`; nullopt for anything
/// else.
[[nodiscard]] std::optional<std::string> port_guid(std::string_view gid);

/// Whether a port with these capabilities (`0xa751e848`, cap_mask of sysfs) lets a subnet manager run: bit 10 says that
/// it does not. @see InfiniBand Architecture Specification, PortInfo:CapabilityMask, IsSMdisabled
[[nodiscard]] bool allows_subnet_manager(std::string_view cap_mask);

/// Whether nodes_config.cfg of IMEX names a node: a line that is neither blank nor a comment.
[[nodiscard]] bool names_nodes(std::string_view text);

}  // namespace overdrive
