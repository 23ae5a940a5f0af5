#include "registry/source_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kRegistry = "docker://";
constexpr std::string_view kLayout = "oci:";
constexpr std::string_view kLayoutArchive = "oci-archive:";

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

[[noreturn]] void refuse(std::string_view text, std::string_view what) {
    throw Error{Errc::bad_reference,
                fmt::format("source '{}' {}; a source is docker://HOST[:PORT]/REPOSITORY, oci:DIRECTORY or "
                            "oci-archive:FILE",
                            text.substr(0, 300), what)};
}

bool is_port(std::string_view text) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535 && text.size() <= 5;
}

bool is_host_name(std::string_view name) {
    if (name.empty() || name.size() > 253 || !is_alnum(name.front()) || !is_alnum(name.back())) return false;
    if (name.find("..") != std::string_view::npos) return false;
    return std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '.' || c == '-'; });
}

bool is_bracketed_address(std::string_view name) {
    if (name.size() < 4 || name.front() != '[' || name.back() != ']') return false;
    const std::string_view inside = name.substr(1, name.size() - 2);
    return inside.find(':') != std::string_view::npos && std::all_of(inside.begin(), inside.end(), [](char c) {
               return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
           });
}

struct HostAndPort {
    std::string_view name;
    std::string_view port;  ///< empty when none was given
};

/// nullopt when a port is announced by a colon but missing.
std::optional<HostAndPort> split_port(std::string_view host) {
    const std::size_t bracket = host.rfind(']');
    const std::size_t colon = host.rfind(':');
    if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return {{host, {}}};
    if (colon + 1 == host.size()) return std::nullopt;
    return {{host.substr(0, colon), host.substr(colon + 1)}};
}

bool is_host(std::string_view host) {
    const auto parts = split_port(host);
    if (!parts || (!parts->port.empty() && !is_port(parts->port))) return false;
    return is_host_name(parts->name) || is_bracketed_address(parts->name);
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
bool is_repository_part(std::string_view part) {
    std::size_t at = 0;
    while (true) {
        const std::size_t word = at;
        while (at < part.size() && is_lower_alnum(part[at])) ++at;
        if (at == word) return false;
        if (at == part.size()) return true;
        const std::size_t separator = at;
        while (at < part.size() && !is_lower_alnum(part[at])) ++at;
        const std::string_view between = part.substr(separator, at - separator);
        const bool dashes = between.find_first_not_of('-') == std::string_view::npos;
        if (between != "." && between != "_" && between != "__" && !dashes) return false;
    }
}

bool is_repository(std::string_view repository) {
    if (repository.size() > 255) return false;
    while (true) {
        const std::size_t slash = repository.find('/');
        if (!is_repository_part(repository.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        repository.remove_prefix(slash + 1);
    }
}

SourceName parse_registry(std::string_view text) {
    const std::string_view rest = text.substr(kRegistry.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) refuse(text, "names no repository");
    const std::string_view host = rest.substr(0, slash);
    const std::string_view repository = rest.substr(slash + 1);
    if (host.find('@') != std::string_view::npos) refuse("docker://...", "has credentials in it");
    if (!is_host(host)) refuse(text, fmt::format("has '{}' where a host should be", host.substr(0, 100)));
    if (repository.find_first_of(":@") != std::string_view::npos) {
        refuse(text, "has a tag or digest; the tag is computed from the host");
    }
    if (!is_repository(repository)) {
        refuse(text, fmt::format("has '{}' where a repository in lower case should be", repository.substr(0, 100)));
    }
    return {.kind = SourceName::Kind::registry,
            .host = std::string{host},
            .repository = std::string{repository},
            .path = {}};
}

SourceName parse_path(SourceName::Kind kind, std::string_view text, std::string_view prefix) {
    const std::string_view path = text.substr(prefix.size());
    if (path.empty()) refuse(text, "names no path");
    if (std::any_of(path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
        refuse(text, "has control characters in its path");
    }
    return {.kind = kind, .host = {}, .repository = {}, .path = std::string{path}};
}

}  // namespace

std::string SourceName::text() const {
    switch (kind) {
        case Kind::registry:
            return fmt::format("{}{}/{}", kRegistry, host, repository);
        case Kind::layout:
            return fmt::format("{}{}", kLayout, path);
        case Kind::layout_archive:
            break;
    }
    return fmt::format("{}{}", kLayoutArchive, path);
}

SourceName parse_source_name(std::string_view text) {
    if (text.find_first_of("{}") != std::string_view::npos) refuse(text, "has a template field that is not filled in");
    if (text.starts_with(kRegistry)) return parse_registry(text);
    if (text.starts_with(kLayoutArchive)) return parse_path(SourceName::Kind::layout_archive, text, kLayoutArchive);
    if (text.starts_with(kLayout)) return parse_path(SourceName::Kind::layout, text, kLayout);
    refuse(text, "is of no known kind");
}

bool is_loopback(std::string_view host) noexcept {
    const auto parts = split_port(host);
    if (!parts) return false;
    if (parts->name == "localhost" || parts->name == "[::1]") return true;
    // 127.0.0.0/8 written as four numbers, so that a name such as 127.evil.example is none.
    std::string_view rest = parts->name;
    if (!rest.starts_with("127.")) return false;
    int numbers = 0;
    for (; !rest.empty(); ++numbers) {
        unsigned value = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
        if (error != std::errc{} || value > 255) return false;
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        if (rest.empty()) return numbers == 3;
        if (rest.front() != '.') return false;
        rest.remove_prefix(1);
    }
    return false;
}

bool allows_plain_http(std::string_view host, const std::vector<std::string>& insecure) {
    if (is_loopback(host)) return true;
    const auto parts = split_port(host);
    return std::any_of(insecure.begin(), insecure.end(), [&](const std::string& name) {
        return !name.empty() && (name == host || (parts && name == parts->name));
    });
}

}  // namespace overdrive
