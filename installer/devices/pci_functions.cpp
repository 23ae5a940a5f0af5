#include "devices/pci_functions.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

namespace overdrive {

namespace {

constexpr const char* kPciDevices = "/sys/bus/pci/devices";

/// `0x10de` -> 0x10de; 0 for anything else.
unsigned hex_number(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return error == std::errc{} && end == text.data() + text.size() ? value : 0;
}

}  // namespace

std::string first_line(const Root& root, const std::string& path) {
    std::string text = root.read_file(path, 1U << 20U).value_or("");
    while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.pop_back();
    return text;
}

std::vector<PciFunction> read_pci_functions(const Root& root) {
    std::vector<PciFunction> functions;
    for (const std::string& address : root.list(kPciDevices)) {
        PciFunction function{.address = address, .directory = fmt::format("{}/{}", kPciDevices, address)};
        function.vendor = hex_number(first_line(root, function.directory + "/vendor"));
        function.device = hex_number(first_line(root, function.directory + "/device"));
        function.device_class = hex_number(first_line(root, function.directory + "/class")) >> 8U;
        functions.push_back(std::move(function));
    }
    return functions;
}

}  // namespace overdrive
