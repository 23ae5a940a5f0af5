#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// How a container's annotations ask for CDI devices: `cdi.k8s.io/<plugin>_<device id>: vendor/class=a,vendor/class=b`.

/// The key for one allocation of a device plugin; slashes of the id become `_`.
/// @throws Error usage: a part is missing, or the name is no name of an annotation (63 characters at most)
[[nodiscard]] std::string cdi_annotation_key(std::string_view plugin, std::string_view device_id);
/// Adds one request. @throws Error usage: also when the key is taken or a device is no qualified name; nothing is added
void add_cdi_annotation(std::map<std::string, std::string>& annotations, std::string_view plugin,
                        std::string_view device_id, const std::vector<std::string>& devices);
/// The devices asked for, in the order of the keys. @throws Error usage: one is no qualified name
[[nodiscard]] std::vector<std::string> devices_in_annotations(const std::map<std::string, std::string>& annotations);

}  // namespace overdrive
