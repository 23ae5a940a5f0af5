#include "registry/registry_certs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostPemBytes = 4U << 20U;
constexpr const char* kRule =
    "*.crt are authorities, NAME.cert and NAME.key a client's certificate and key; see containers-certs.d(5)";

[[noreturn]] void fail(const std::string& path, std::string_view what) {
    throw Error{Errc::config, fmt::format("'{}' {}", path, what)}.with_remedy(kRule);
}

/// Where a file really lies, for libcurl: a link such as `/etc/pki/ca.pem` is resolved inside the host root.
std::string real_path(const Root& host, const std::string& path) {
    const auto file = host.open_if_exists(path, O_PATH);
    if (!file) fail(path, "is a link that leads nowhere");
    std::array<char, 4096> buffer{};
    const std::string link = fmt::format("/proc/self/fd/{}", file->get());
    const ssize_t length = ::readlink(link.c_str(), buffer.data(), buffer.size());
    if (length <= 0 || static_cast<std::size_t>(length) >= buffer.size())
        throw Error::from_errno(Errc::io, errno, fmt::format("find where '{}' lies", path));
    return {buffer.data(), static_cast<std::size_t>(length)};
}

/// The file's real path, once it is known to hold what its name says.
std::string checked(const Root& host, const std::string& path, std::string_view kind) {
    std::string real = real_path(host, path);
    const auto text = host.read_file(path, kMostPemBytes);
    bool found = false;
    for (std::size_t at = 0; text && !found && (at = text->find("-----BEGIN ", at)) != std::string::npos; ++at) {
        const std::string_view line = std::string_view{*text}.substr(at, text->find('\n', at) - at);
        found = line.find(kind) != std::string_view::npos;
    }
    if (!found) fail(path, fmt::format("holds no {} in PEM", kind));
    return real;
}

std::string with_ending(const std::string& name, std::string_view ending) {
    return fmt::format("{}{}", name.substr(0, name.rfind('.')), ending);
}

RegistryCertificates read_directory(const Root& host, const std::string& directory) {
    RegistryCertificates out{.has_directory = true};
    const std::vector<std::string> names = host.list(directory);
    const auto has = [&](const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    for (const std::string& name : names) {
        const std::string path = fmt::format("{}/{}", directory, name);
        if (name.ends_with(".crt")) out.tls.authorities.push_back(checked(host, path, "CERTIFICATE"));
        if (name.ends_with(".key") && !has(with_ending(name, ".cert")))
            fail(path, fmt::format("has no certificate beside it: '{}' is missing", with_ending(name, ".cert")));
        if (!name.ends_with(".cert")) continue;
        const std::string key = fmt::format("{}/{}", directory, with_ending(name, ".key"));
        if (!has(with_ending(name, ".key")))
            fail(path, fmt::format("has no key beside it: '{}' is missing", with_ending(name, ".key")));
        if (!out.tls.client_certificate.empty()) {
            out.warnings.push_back(fmt::format("'{}' is not used: another client certificate stands before it", path));
            continue;
        }
        out.tls.client_certificate = checked(host, path, "CERTIFICATE");
        out.tls.client_key = checked(host, key, "PRIVATE KEY");
        const auto status = host.status(key);
        if (status && (status->st_mode & S_IROTH) != 0)
            out.warnings.push_back(fmt::format("'{}' can be read by every user; run: chmod o-r {}", key, key));
    }
    return out;
}

}  // namespace

RegistryCertificates find_certificates(const Root& host, const std::string& home, std::string_view registry) {
    const std::array<std::string, 3> places{home + "/.config/containers", "/etc/containers", "/etc/docker"};
    for (const std::string& place : places) {
        const std::string directory = fmt::format("{}/certs.d/{}", place, registry);
        const auto status = host.status(directory);
        if (status && S_ISDIR(status->st_mode)) return read_directory(host, directory);
    }
    return {};
}

}  // namespace overdrive
