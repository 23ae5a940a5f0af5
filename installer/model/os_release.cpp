#include "model/os_release.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/error.hpp"

namespace overdrive {

namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
}

/// Takes off one pair of quotes and, in double quotes, backslash escapes.
std::string unquoted(std::string_view value) {
    const bool quoted =
        value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
    if (!quoted) return std::string{value};
    const bool escapes = value.front() == '"';
    value = value.substr(1, value.size() - 2);
    std::string out;
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (escapes && value[i] == '\\' && i + 1 < value.size()) ++i;
        out += value[i];
    }
    return out;
}

/// "lower-case string (no spaces or other characters outside of 0-9, a-z, '.', '_' and '-')": os-release(5) on ID.
bool is_id(std::string_view id) {
    return !id.empty() && id.size() <= 64 && id.front() != '.' && id.front() != '-' &&
           std::all_of(id.begin(), id.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
           });
}

}  // namespace

OsRelease OsRelease::parse(std::string_view text) {
    OsRelease release;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = trimmed(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos || !is_name(line.substr(0, equals))) continue;
        release.fields_[std::string{line.substr(0, equals)}] = unquoted(trimmed(line.substr(equals + 1)));
    }
    if (release.id().empty()) {
        throw Error{Errc::bad_os_release, "os-release has no ID, so the OS is unknown"}.with_remedy(
            "check /etc/os-release and /usr/lib/os-release on the host, see os-release(5)");
    }
    if (!is_id(release.id())) {
        throw Error{Errc::bad_os_release,
                    fmt::format("os-release has ID='{}'; only a-z, 0-9, '.', '_' and '-' are allowed",
                                release.id().substr(0, 100))};
    }
    return release;
}

std::string OsRelease::pretty_name() const {
    const std::string pretty = field("PRETTY_NAME");
    return pretty.empty() ? fmt::format("{} {}", id(), version_id()) : pretty;
}

std::string OsRelease::field(const std::string& name) const {
    const auto found = fields_.find(name);
    return found == fields_.end() ? std::string{} : found->second;
}

}  // namespace overdrive
