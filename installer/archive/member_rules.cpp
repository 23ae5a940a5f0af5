#include "archive/member_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/driver_manifest.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

bool is_printable(char c) { return c >= 0x20 && c <= 0x7e; }

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
    throw Error{Errc::bad_archive, fmt::format("member '{}' is refused: {}", printable(name), why)};
}

bool has_whiteout(std::string_view path) { return path.starts_with(".wh.") || path.find("/.wh.") != std::string::npos; }

}  // namespace

std::string printable(std::string_view name) {
    constexpr std::size_t kMost = 200;
    std::string out;
    for (const char c : name.substr(0, kMost)) {
        if (is_printable(c))
            out += c;
        else
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    if (name.size() > kMost) out += "...";
    return out;
}

std::string member_path(std::string_view name, std::string_view prefix) {
    if (!std::all_of(name.begin(), name.end(), is_printable)) refuse(name, "its name is not printable ASCII");
    if (name.starts_with('/')) refuse(name, "its name is absolute");
    std::string_view path = name;
    if (path.ends_with('/')) path.remove_suffix(1);
    if (!is_plain_relative_path(path)) refuse(name, "its name is not a plain relative path");
    if (has_whiteout(path)) refuse(name, "it is a whiteout");
    if (path == prefix.substr(0, prefix.size() - 1)) return {};
    if (!path.starts_with(prefix)) refuse(name, fmt::format("it is outside '{}'", prefix));
    return std::string{path.substr(prefix.size())};
}

bool link_stays_inside(std::string_view path, std::string_view target) noexcept {
    if (target.empty() || target.size() > 4095 || target.front() == '/') return false;
    if (!std::all_of(target.begin(), target.end(), is_printable)) return false;
    // `..` only leads the way up through real directories; after a name it could climb out of what that name links to.
    std::ptrdiff_t depth = std::count(path.begin(), path.end(), '/');
    bool climbing = true;
    while (true) {
        const std::size_t slash = target.find('/');
        const std::string_view part = target.substr(0, slash);
        if (part == "..") {
            if (!climbing || --depth < 0) return false;
        } else {
            climbing = false;
        }
        if (slash == std::string_view::npos) return true;
        target.remove_prefix(slash + 1);
    }
}

}  // namespace overdrive
