#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace overdrive {

/// `vendor/class=device`
struct CdiName {
    std::string vendor;
    std::string class_name;
    std::string device;

    [[nodiscard]] std::string kind() const { return vendor + "/" + class_name; }
    [[nodiscard]] std::string text() const { return kind() + "=" + device; }
};

/// The parts of a name, whether they are well-formed or not; nullopt when it has not all three, or is a path.
[[nodiscard]] std::optional<CdiName> split_cdi_name(std::string_view text);
/// The same, with each part judged. @throws Error usage: what is wrong with which part
[[nodiscard]] CdiName parse_cdi_name(std::string_view text);
/// Vendor and class of a kind, not judged; nullopt unless there are both.
[[nodiscard]] std::optional<std::pair<std::string, std::string>> split_cdi_kind(std::string_view kind);

/// What is wrong with a name; nullopt when nothing is. A vendor or class begins with a letter, a device name with a
/// letter or digit; all end with one of these; between them `_`, `-` and `.` may stand, in a device name `:` too.
/// @see SPEC.md of CDI, "Kind" and "Device name"
[[nodiscard]] std::optional<std::string> fault_of_vendor(std::string_view vendor);
[[nodiscard]] std::optional<std::string> fault_of_class(std::string_view class_name);
[[nodiscard]] std::optional<std::string> fault_of_device_name(std::string_view name);

}  // namespace overdrive
