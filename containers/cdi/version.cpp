#include "cdi/version.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "cdi/names.hpp"

namespace overdrive {

namespace {

bool starts_with_letter(const std::string& name) {
    return !name.empty() && ((name[0] >= 'A' && name[0] <= 'Z') || (name[0] >= 'a' && name[0] <= 'z'));
}

CdiVersion minimum_of(const CdiEdits& edits) {
    const auto& rdt = edits.intel_rdt;
    if (!edits.net_devices.empty() || (rdt && (!rdt->schemata.empty() || rdt->enable_monitoring))) return {1, 1, 0};
    if (rdt || !edits.additional_gids.empty()) return {0, 7, 0};
    const auto elsewhere = [](const CdiDeviceNode& node) { return !node.host_path.empty(); };
    if (std::any_of(edits.device_nodes.begin(), edits.device_nodes.end(), elsewhere)) return {0, 5, 0};
    const auto typed = [](const CdiMount& mount) { return !mount.type.empty(); };
    if (std::any_of(edits.mounts.begin(), edits.mounts.end(), typed)) return {0, 4, 0};
    return kOldestCdiVersion;
}

/// Takes a number and the dot behind it from the front of `text`.
std::optional<unsigned> take_number(std::string_view& text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.starts_with('.')) {
        text.remove_prefix(1);
    } else {
        text = {};
    }
    return value;
}

}  // namespace

std::string to_text(const CdiVersion& version) {
    return fmt::format("{}.{}.{}", version.major_number, version.minor_number, version.patch);
}

std::optional<CdiVersion> parse_cdi_version(std::string_view text) {
    if (text.starts_with('v')) text.remove_prefix(1);
    const auto major_number = take_number(text);
    if (!major_number) return std::nullopt;
    const unsigned minor_number = take_number(text).value_or(0);
    return CdiVersion{*major_number, minor_number, take_number(text).value_or(0)};
}

bool is_known_cdi_version(std::string_view text) {
    if (text.starts_with('v')) text.remove_prefix(1);
    static constexpr std::array<std::string_view, 10> kKnown{"0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0",
                                                             "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"};
    return std::find(kKnown.begin(), kKnown.end(), text) != kKnown.end();
}

CdiVersion minimum_cdi_version(const CdiSpec& spec) {
    CdiVersion needed = std::max(kOldestCdiVersion, minimum_of(spec.edits));
    const auto kind = split_cdi_kind(spec.kind);
    const bool dotted = kind && kind->second.find('.') != std::string::npos;
    if (dotted || !spec.annotations.empty()) needed = std::max(needed, CdiVersion{0, 6, 0});
    for (const CdiDevice& device : spec.devices) {
        needed = std::max(needed, minimum_of(device.edits));
        if (!device.annotations.empty()) needed = std::max(needed, CdiVersion{0, 6, 0});
        if (!device.name.empty() && !starts_with_letter(device.name)) needed = std::max(needed, CdiVersion{0, 5, 0});
    }
    return needed;
}

}  // namespace overdrive
