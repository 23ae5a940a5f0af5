#include "cdi/annotations.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cdi/names.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kPrefix = "cdi.k8s.io/";
constexpr std::size_t kMostCharacters = 63;
constexpr std::string_view kAlphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

}  // namespace

std::string cdi_annotation_key(std::string_view plugin, std::string_view device_id) {
    if (plugin.empty() || device_id.empty())
        throw Error{Errc::usage, "an annotation for CDI devices needs a plugin's name and a device id"};
    std::string name = fmt::format("{}_{}", plugin, device_id);
    std::replace(name.begin(), name.end(), '/', '_');
    const bool good = kAlphanumeric.find(name.front()) != std::string_view::npos &&
                      kAlphanumeric.find(name.back()) != std::string_view::npos &&
                      name.find_first_not_of(std::string{kAlphanumeric} + "_-.") == std::string::npos;
    if (!good || name.size() > kMostCharacters || plugin.find('/') != std::string_view::npos)
        throw Error{Errc::usage,
                    fmt::format("'{}' is no name of an annotation: at most {} letters, digits, _, - and ., "
                                "a letter or digit at both ends",
                                name, kMostCharacters)};
    return std::string{kPrefix} + name;
}

void add_cdi_annotation(std::map<std::string, std::string>& annotations, std::string_view plugin,
                        std::string_view device_id, const std::vector<std::string>& devices) {
    const std::string key = cdi_annotation_key(plugin, device_id);
    if (annotations.contains(key)) throw Error{Errc::usage, fmt::format("annotation '{}' is there already", key)};
    for (const std::string& device : devices) static_cast<void>(parse_cdi_name(device));
    annotations[key] = fmt::format("{}", fmt::join(devices, ","));
}

std::vector<std::string> devices_in_annotations(const std::map<std::string, std::string>& annotations) {
    std::vector<std::string> devices;
    for (const auto& [key, value] : annotations) {
        if (!key.starts_with(kPrefix)) continue;
        std::string_view rest = value;
        while (true) {
            const std::size_t comma = rest.find(',');
            devices.push_back(parse_cdi_name(rest.substr(0, comma)).text());
            if (comma == std::string_view::npos) break;
            rest.remove_prefix(comma + 1);
        }
    }
    return devices;
}

}  // namespace overdrive
