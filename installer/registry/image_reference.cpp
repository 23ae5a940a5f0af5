#include "registry/image_reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kRegistry = "docker://";
constexpr std::size_t kMostTag = 128;

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

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

[[noreturn]] void refuse(std::string_view text, std::string_view what) {
    if (may_hold_credentials(text)) text = "...";
    throw Error{Errc::bad_reference,
                fmt::format("image '{}' {}; an image is docker://HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]",
                            text.substr(0, 500), what)};
}

}  // namespace

std::optional<HostAndPort> split_port(std::string_view host) noexcept {
    const std::size_t bracket = host.rfind(']');
    const std::size_t colon = host.rfind(':');
    if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return {{host, {}}};
    if (colon + 1 == host.size()) return std::nullopt;
    return {{host.substr(0, colon), host.substr(colon + 1)}};
}

bool is_registry_host(std::string_view host) noexcept {
    const auto parts = split_port(host);
    if (!parts || (!parts->port.empty() && !is_port(parts->port))) return false;
    return is_host_name(parts->name) || is_bracketed_address(parts->name);
}

bool is_repository(std::string_view repository) noexcept {
    if (repository.size() > 255) return false;
    while (true) {
        const std::size_t slash = repository.find('/');
        if (!is_repository_part(repository.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        repository.remove_prefix(slash + 1);
    }
}

bool is_tag(std::string_view tag) noexcept {
    const auto word = [](char c) { return is_alnum(c) || c == '_'; };
    return !tag.empty() && tag.size() <= kMostTag && word(tag.front()) &&
           std::all_of(tag.begin(), tag.end(), [&](char c) { return word(c) || c == '.' || c == '-'; });
}

std::string ImageReference::text() const {
    return fmt::format("{}{}/{}{}{}{}{}", kRegistry, host, repository, tag.empty() ? "" : ":", tag, digest ? "@" : "",
                       digest ? digest->text() : "");
}

bool may_hold_credentials(std::string_view text) noexcept {
    const std::size_t at = text.find('@');
    return at != std::string_view::npos && !text.substr(at + 1).starts_with("sha256:");
}

ImageReference parse_image_reference(std::string_view text) {
    if (!text.starts_with(kRegistry)) refuse(text, "does not begin with docker://");
    const std::string_view rest = text.substr(kRegistry.size());
    if (may_hold_credentials(rest)) refuse(text, kCredentials);
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) refuse(text, "names no repository");
    const std::string_view host = rest.substr(0, slash);
    if (!is_registry_host(host)) refuse(text, fmt::format("has '{}' where a host should be", host.substr(0, 100)));
    ImageReference image{.host = std::string{host}, .repository = {}, .tag = {}, .digest = std::nullopt};
    std::string_view repository = rest.substr(slash + 1);
    if (const std::size_t at = repository.find('@'); at != std::string_view::npos) {
        image.digest = attempting(fmt::format("image '{}'", text.substr(0, 500)),
                                  [&] { return Digest::parse(repository.substr(at + 1)); });
        repository = repository.substr(0, at);
    }
    if (const std::size_t colon = repository.find(':'); colon != std::string_view::npos) {
        image.tag = repository.substr(colon + 1);
        if (!is_tag(image.tag)) refuse(text, fmt::format("has '{}' where a tag should be", image.tag.substr(0, 150)));
        repository = repository.substr(0, colon);
    }
    if (!is_repository(repository)) {
        refuse(text, fmt::format("has '{}' where a repository in lower case should be", repository.substr(0, 100)));
    }
    image.repository = repository;
    return image;
}

}  // namespace overdrive
