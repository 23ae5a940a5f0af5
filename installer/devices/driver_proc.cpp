#include "devices/driver_proc.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "devices/host_texts.hpp"

namespace overdrive {

namespace {

constexpr const char* kGpus = "/proc/driver/nvidia/gpus";
constexpr const char* kCapabilities = "/proc/driver/nvidia/capabilities";
constexpr int kMostDepth = 8;  // gpu<N>/mig/gi<N>/ci<N>/access is five

std::optional<unsigned> number(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
    return value;
}

/// The kernel module registers `nvidia` or, before 530, `nvidia-frontend`, for the same devices.
std::optional<unsigned> major_of(const std::map<std::string, unsigned>& majors, const std::string& device) {
    auto found = majors.find(device);
    if (found == majors.end() && device == "nvidia") found = majors.find("nvidia-frontend");
    if (found == majors.end() && device == "nvidia-frontend") found = majors.find("nvidia");
    if (found == majors.end()) return std::nullopt;
    return found->second;
}

}  // namespace

void DriverProc::add_gpus(std::vector<WantedNode>& nodes, const std::map<std::string, unsigned>& majors) const {
    const auto major_number = major_of(majors, "nvidia");
    if (!major_number) return;
    for (const std::string& address : root_.list(kGpus)) {
        const auto text = root_.read_file(fmt::format("{}/{}/information", kGpus, address), 1U << 20U);
        if (!text) continue;
        const auto minor_number = number(value_of(*text, "Device Minor"));
        if (minor_number) nodes.push_back({fmt::format("nvidia{}", *minor_number), *major_number, *minor_number, 0666});
    }
}

void DriverProc::add_capabilities(std::vector<WantedNode>& nodes, const std::string& directory, unsigned major_number,
                                  int depth) const {
    if (depth == kMostDepth) return;
    for (const std::string& name : root_.list(directory)) {
        const std::string path = fmt::format("{}/{}", directory, name);
        const auto status = root_.link_status(path);
        if (!status) continue;
        if (S_ISDIR(status->st_mode)) {
            add_capabilities(nodes, path, major_number, depth + 1);
            continue;
        }
        const auto text = root_.read_file(path, 1U << 16U);
        const auto minor_number = number(value_of(text.value_or(""), "DeviceFileMinor"));
        if (!minor_number) continue;
        // In decimal: 256 is 0400.
        const unsigned mode = number(value_of(*text, "DeviceFileMode")).value_or(0400) & 0777U;
        nodes.push_back({fmt::format("nvidia-caps/nvidia-cap{}", *minor_number), major_number, *minor_number, mode});
    }
}

std::vector<WantedNode> DriverProc::wanted_nodes(const std::vector<DeviceNodeSpec>& specs) const {
    const auto majors = parse_character_majors(root_.read_file("/proc/devices", 1U << 20U).value_or(""));
    std::vector<WantedNode> nodes;
    for (const DeviceNodeSpec& spec : specs) {
        if (const auto major_number = major_of(majors, spec.device)) {
            nodes.push_back({spec.path, *major_number, spec.minor, spec.mode});
        }
    }
    add_gpus(nodes, majors);
    if (const auto major_number = major_of(majors, "nvidia-caps")) {
        add_capabilities(nodes, kCapabilities, *major_number, 0);
    }
    const auto by_path = [](const WantedNode& a, const WantedNode& b) { return a.path < b.path; };
    const auto same_path = [](const WantedNode& a, const WantedNode& b) { return a.path == b.path; };
    std::stable_sort(nodes.begin(), nodes.end(), by_path);
    nodes.erase(std::unique(nodes.begin(), nodes.end(), same_path), nodes.end());
    return nodes;
}

}  // namespace overdrive
