#include "registry/source_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "registry/image_reference.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kRegistry = "docker://";
constexpr std::string_view kLayout = "oci:";
constexpr std::string_view kLayoutArchive = "oci-archive:";

[[noreturn]] void refuse(std::string_view text, std::string_view what) {
    if (!text.starts_with("oci") && may_hold_credentials(text)) text = "...";
    throw Error{Errc::bad_reference,
                fmt::format("source '{}' {}; a source is docker://HOST[:PORT]/REPOSITORY, oci:DIRECTORY or "
                            "oci-archive:FILE",
                            text.substr(0, 300), what)};
}

SourceName parse_registry(std::string_view text) {
    const std::string_view rest = text.substr(kRegistry.size());
    if (may_hold_credentials(rest)) refuse(text, kCredentials);
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) refuse(text, "names no repository");
    const std::string_view host = rest.substr(0, slash);
    const std::string_view repository = rest.substr(slash + 1);
    if (!is_registry_host(host)) refuse(text, fmt::format("has '{}' where a host should be", host.substr(0, 100)));
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
