#include "registry/registry_places.hpp"

#include <fmt/format.h>

#include <utility>

#include "registry/registry_certs.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr const char* kConf = "/etc/containers/registries.conf";
constexpr const char* kHomeConf = "/.config/containers/registries.conf";
constexpr std::string_view kHub = "docker.io";
constexpr std::string_view kHubLibrary = "library/";
constexpr std::string_view kHubRegistry = "registry-1.docker.io";

bool apply_file(RegistriesConf& conf, const Root& host, const std::string& path) {
    const auto text = host.read_file(path, RegistriesConf::kMostBytes);
    if (text) conf.apply(*text, path);
    return text.has_value();
}

void apply_directory(RegistriesConf& conf, const Root& host, const std::string& directory) {
    for (const std::string& name : host.list(directory)) {
        if (name.ends_with(".conf")) apply_file(conf, host, fmt::format("{}/{}", directory, name));
    }
}

/// Home's file replaces those of /etc with their drop-ins; home's drop-ins are laid over either.
RegistriesConf read_registries_conf(const Root& host, const std::string& home) {
    RegistriesConf conf;
    const std::string of_home = home + kHomeConf;
    if (!apply_file(conf, host, of_home)) {
        apply_file(conf, host, kConf);
        apply_directory(conf, host, std::string{kConf} + ".d");
    }
    apply_directory(conf, host, of_home + ".d");
    return conf;
}

/// How registries.conf writes the name: images of Docker Hub without a namespace are in `library`.
std::string repository_in_conf(const SourceName& name) {
    const bool in_library = name.host == kHub && name.repository.find('/') == std::string::npos;
    return in_library ? fmt::format("{}{}", kHubLibrary, name.repository) : name.repository;
}

}  // namespace

RegistryAccess::RegistryAccess(const Root& host, Means means, Settings settings)
    : host_{host}, means_{std::move(means)}, settings_{std::move(settings)} {}

const RegistriesConf& RegistryAccess::conf() {
    if (!conf_) conf_ = read_registries_conf(host_, settings_.home);
    return *conf_;
}

Endpoint RegistryAccess::endpoint(RegistriesConf::Place place) {
    RegistryCertificates certificates = find_certificates(host_, settings_.home, place.host);
    for (std::string& warning : certificates.warnings) warnings_.push_back(std::move(warning));
    const bool insecure = place.insecure || allows_plain_http(place.host, settings_.insecure);
    return {.host = place.host == kHub ? std::string{kHubRegistry} : std::move(place.host),
            .repository = std::move(place.repository),
            .plain_http = insecure && !certificates.has_directory,
            .is_mirror = place.is_mirror,
            .for_tags = place.for_tags,
            .for_digests = place.for_digests,
            .tls = std::move(certificates.tls)};
}

Endpoint RegistryAccess::own_place(const SourceName& name) {
    return endpoint(conf().own_place(name.host, repository_in_conf(name)));
}

std::vector<Endpoint> RegistryAccess::endpoints(const SourceName& name) {
    std::vector<Endpoint> out;
    for (RegistriesConf::Place& place : conf().places(name.host, repository_in_conf(name)))
        out.push_back(endpoint(std::move(place)));
    return out;
}

}  // namespace overdrive
