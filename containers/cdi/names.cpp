#include "cdi/names.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/error.hpp"

namespace overdrive {

namespace {

bool is_letter(char character) {
    return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z');
}

bool is_alphanumeric(char character) { return is_letter(character) || (character >= '0' && character <= '9'); }

std::optional<std::string> fault_of_rest(std::string_view what, std::string_view name, std::string_view between) {
    for (const char character : name) {
        if (is_alphanumeric(character) || between.find(character) != std::string_view::npos) continue;
        return fmt::format("{} '{}' may be of letters, digits and {} only", what, name, between);
    }
    if (!is_alphanumeric(name.back())) return fmt::format("{} '{}' must end with a letter or digit", what, name);
    return std::nullopt;
}

std::optional<std::string> fault_of_label(std::string_view what, std::string_view name) {
    if (name.empty()) return fmt::format("the {} is missing", what);
    if (!is_letter(name.front())) return fmt::format("{} '{}' must begin with a letter", what, name);
    return fault_of_rest(what, name, "_-.");
}

}  // namespace

std::optional<std::string> fault_of_vendor(std::string_view vendor) { return fault_of_label("vendor", vendor); }

std::optional<std::string> fault_of_class(std::string_view class_name) { return fault_of_label("class", class_name); }

std::optional<std::string> fault_of_device_name(std::string_view name) {
    if (name.empty()) return "the device name is missing";
    if (!is_alphanumeric(name.front())) return fmt::format("device name '{}' must begin with a letter or digit", name);
    return fault_of_rest("device name", name, "_-.:");
}

std::optional<std::pair<std::string, std::string>> split_cdi_kind(std::string_view kind) {
    const std::size_t slash = kind.find('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == kind.size()) return std::nullopt;
    return std::pair{std::string{kind.substr(0, slash)}, std::string{kind.substr(slash + 1)}};
}

std::optional<CdiName> split_cdi_name(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals + 1 == text.size()) return std::nullopt;
    auto kind = split_cdi_kind(text.substr(0, equals));
    if (!kind) return std::nullopt;
    return CdiName{std::move(kind->first), std::move(kind->second), std::string{text.substr(equals + 1)}};
}

CdiName parse_cdi_name(std::string_view text) {
    auto name = split_cdi_name(text);
    if (!name) {
        throw Error{Errc::usage, fmt::format("'{}' is no CDI device name; one looks like 'nvidia.com/gpu=all'", text)};
    }
    for (const auto& fault :
         {fault_of_vendor(name->vendor), fault_of_class(name->class_name), fault_of_device_name(name->device)}) {
        if (fault) throw Error{Errc::usage, fmt::format("'{}' is no CDI device name: {}", text, *fault)};
    }
    return std::move(*name);
}

}  // namespace overdrive
