#include "cdi/proc_gpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace overdrive {

namespace {

constexpr std::size_t kMostBytes = 1U << 20U;

std::optional<unsigned> number(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// The value behind `name:`, without blanks around it; empty when there is none.
std::string value_of(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || line.substr(0, colon) != name) continue;
        std::string_view value = line.substr(colon + 1);
        while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
        while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
        return std::string{value};
    }
    return {};
}

/// The first word of digits and dots behind the colon of `NVRM version: ... Kernel Module  535.309.01  ...`.
std::optional<std::string> version_in(std::string_view text) {
    const std::string line = value_of(text, "NVRM version");
    std::string_view rest = line;
    while (!rest.empty()) {
        const std::string_view word = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(word.size() + 1, rest.size()));
        if (word.find('.') != std::string_view::npos && word.find_first_not_of("0123456789.") == std::string_view::npos)
            return std::string{word};
    }
    return std::nullopt;
}

/// `gi3` -> 3 for the prefix `gi`.
std::optional<unsigned> number_behind(std::string_view name, std::string_view prefix) {
    if (!name.starts_with(prefix)) return std::nullopt;
    return number(name.substr(prefix.size()));
}

/// The numbers of the entries `prefix<N>` in a directory, in their order.
std::vector<unsigned> numbers_in(const DriverTree& proc, const std::string& directory, std::string_view prefix) {
    std::vector<unsigned> numbers;
    for (const std::string& name : proc.files().list(directory)) {
        if (const auto value = number_behind(name, prefix)) numbers.push_back(*value);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

void read_instances(const DriverTree& proc, GpuDevice& gpu) {
    const std::string mig = fmt::format("/driver/nvidia/capabilities/gpu{}/mig", gpu.minor_number);
    for (const unsigned gi : numbers_in(proc, mig, "gi")) {
        gpu.mig = true;
        for (const unsigned ci : numbers_in(proc, fmt::format("{}/gi{}", mig, gi), "ci")) {
            gpu.instances.push_back({static_cast<unsigned>(gpu.instances.size()), gi, ci, {}, false});
        }
    }
}

std::optional<GpuDevice> read_gpu(const DriverTree& proc, const std::string& directory) {
    const auto text = proc.files().read_file(directory + "/information", kMostBytes);
    if (!text) return std::nullopt;
    const auto minor_number = number(value_of(*text, "Device Minor"));
    if (!minor_number) return std::nullopt;
    GpuDevice gpu;
    gpu.minor_number = *minor_number;
    gpu.model = value_of(*text, "Model");
    const std::string address = value_of(*text, "Bus Location");
    gpu.address = sysfs_address(address.empty() ? directory.substr(directory.rfind('/') + 1) : address);
    const std::string uuid = value_of(*text, "GPU UUID");
    // `GPU-????????-...` until the GPU was used for the first time.
    if (uuid.find('?') == std::string::npos) gpu.uuid = uuid;
    read_instances(proc, gpu);
    return gpu;
}

}  // namespace

std::string sysfs_address(std::string address) {
    std::transform(address.begin(), address.end(), address.begin(), [](char character) {
        return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a') : character;
    });
    while (address.find(':') > 4 && address.find(':') != std::string::npos && address.front() == '0')
        address.erase(0, 1);
    return address;
}

std::map<std::string, unsigned> parse_mig_minors(std::string_view text) {
    std::map<std::string, unsigned> minors;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const std::size_t blank = line.find(' ');
        if (blank == std::string_view::npos || blank == 0) continue;
        if (const auto value = number(line.substr(blank + 1))) minors[std::string{line.substr(0, blank)}] = *value;
    }
    return minors;
}

std::map<std::string, unsigned> read_mig_minors(const DriverTree& proc) {
    return parse_mig_minors(proc.files().read_file("/driver/nvidia-caps/mig-minors", kMostBytes).value_or(""));
}

GpuInventory read_proc_gpus(const DriverTree& proc) {
    GpuInventory inventory{{}, {}, "/proc/driver/nvidia"};
    inventory.driver_version = version_in(proc.files().read_file("/driver/nvidia/version", kMostBytes).value_or(""));
    for (const std::string& name : proc.files().list("/driver/nvidia/gpus")) {
        if (auto gpu = read_gpu(proc, "/driver/nvidia/gpus/" + name)) inventory.gpus.push_back(std::move(*gpu));
    }
    std::sort(inventory.gpus.begin(), inventory.gpus.end(),
              [](const GpuDevice& a, const GpuDevice& b) { return a.address < b.address; });
    for (std::size_t index = 0; index < inventory.gpus.size(); ++index)
        inventory.gpus[index].index = static_cast<unsigned>(index);
    return inventory;
}

}  // namespace overdrive
