#pragma once

#include <string>
#include <vector>

#include "support/root.hpp"

namespace overdrive {

/// A function of the host's PCI bus, as sysfs shows it.
struct PciFunction {
    std::string address;    ///< `0000:00:07.0`
    std::string directory;  ///< `/sys/bus/pci/devices/0000:00:07.0`
    unsigned vendor = 0;
    unsigned device = 0;
    unsigned device_class = 0;  ///< class and subclass: 0x0302
};

/// All functions, by address.
[[nodiscard]] std::vector<PciFunction> read_pci_functions(const Root& root);

/// A small file of /proc or /sys without the newline at its end; empty when absent.
[[nodiscard]] std::string first_line(const Root& root, const std::string& path);

}  // namespace overdrive
