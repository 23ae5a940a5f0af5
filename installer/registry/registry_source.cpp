#include "registry/registry_source.hpp"

#include <fmt/format.h>

#include "model/json_reader.hpp"
#include "registry/blob_check.hpp"
#include "registry/image_manifest.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr long kOk = 200;
constexpr long kNotFound = 404;
constexpr std::uint64_t kMostTagListBytes = 1U << 20U;

std::string header(const HttpResponse& response, const std::string& name) {
    const auto found = response.headers.find(name);
    return found == response.headers.end() ? std::string{} : found->second;
}

/// `application/json; charset=utf-8` -> `application/json`
std::string media_type_of(const HttpResponse& response) {
    const std::string text = header(response, "content-type");
    std::string type = text.substr(0, text.find(';'));
    while (!type.empty() && type.back() == ' ') type.pop_back();
    return type;
}

/// What an answer other than 200 and 404 means.
Error refusal(const std::string& host, const HttpResponse& response) {
    switch (response.status) {
        case 401:
        case 403:
            return Error{Errc::unreachable, fmt::format("{} asks for a login (HTTP {}), which overdrive cannot give "
                                                        "yet",
                                                        host, response.status)}
                .with_remedy(
                    "make the repository readable without a login, or fetch from an oci: or oci-archive: copy");
        case 429:
            return {Errc::unreachable,
                    fmt::format("{} says that too many requests were made (HTTP 429); try again later", host)};
        default:
            return {Errc::unreachable, fmt::format("{} answers with HTTP {}", host, response.status)};
    }
}

}  // namespace

RegistrySource::RegistrySource(SourceName name, std::vector<Endpoint> endpoints, HttpTransport& transport,
                               LoginFinder& /*logins*/, Clock& /*clock*/, Patience /*patience*/)
    : name_{std::move(name)}, transport_{transport} {
    const Endpoint& place = endpoints.back();
    base_ = fmt::format("{}://{}/v2/{}/", place.plain_http ? "http" : "https", place.host, place.repository);
}

std::string RegistrySource::url(std::string_view rest) const { return fmt::format("{}{}", base_, rest); }

std::optional<RegistrySource::Document> RegistrySource::get_manifest(const std::string& reference) {
    std::string body;
    const HttpResponse response = transport_.perform(
        {.method = "GET",
         .url = url("manifests/" + reference),
         .headers = {manifest_accept_header()},
         .most_bytes = UINT64_MAX},
        [&](std::string_view bytes) {
            if (bytes.size() > kMostManifestBytes - body.size()) {
                throw Error{Errc::bad_manifest,
                            fmt::format("manifest '{}' is larger than {} bytes", reference, kMostManifestBytes)};
            }
            body.append(bytes);
        });
    if (response.status == kNotFound) return std::nullopt;
    if (response.status != kOk) throw refusal(name_.host, response);
    const std::string announced = header(response, "docker-content-digest");
    const std::string digest = "sha256:" + sha256_hex(body);
    if (announced.starts_with("sha256:") && announced != digest) {
        throw Error{Errc::digest_mismatch,
                    fmt::format("manifest '{}' is damaged: its bytes hash to {}, the registry says {}", reference,
                                digest, announced.substr(0, 100))};
    }
    return Document{std::move(body), media_type_of(response)};
}

std::string RegistrySource::get_config_architecture(const Digest& digest, std::uint64_t size) {
    const HttpResponse response = transport_.perform(
        {.method = "GET", .url = url("blobs/" + digest.text()), .headers = {}, .most_bytes = size}, {});
    if (response.status != kOk) throw refusal(name_.host, response);
    const std::string document = "image configuration " + digest.text();
    check_blob(document, response.body, digest, size);
    return parse_config_architecture(response.body, document);
}

std::optional<ResolvedArtifact> RegistrySource::resolve(const std::string& tag, const std::string& architecture) {
    const std::string reference = fmt::format("{}:{}", name_.text(), tag);
    return attempting(reference, [&]() -> std::optional<ResolvedArtifact> {
        std::optional<Document> top = get_manifest(tag);
        if (!top) return std::nullopt;
        if (is_index_type(top->media_type)) {
            const auto entries = parse_index(top->body, top->media_type, "index");
            const ManifestDescriptor* entry = select_platform(entries, architecture);
            if (entry == nullptr) return std::nullopt;
            top = get_manifest(entry->digest.text());
            const std::string what = "manifest " + entry->digest.text();
            if (!top) throw Error{Errc::incomplete_artifact, what + " is in the index, but the registry has it not"};
            check_blob(what, top->body, entry->digest, entry->size);
            ImageManifest manifest = parse_image_manifest(top->body, entry->media_type, what);
            return ResolvedArtifact{reference, entry->digest, std::move(manifest.layers)};
        }
        ImageManifest manifest = parse_image_manifest(top->body, top->media_type, "manifest");
        if (get_config_architecture(manifest.config_digest, manifest.config_size) != architecture) return std::nullopt;
        return ResolvedArtifact{reference, Digest::from_hex(sha256_hex(top->body)), std::move(manifest.layers)};
    });
}

std::vector<ImageSignature> RegistrySource::signatures(const ResolvedArtifact& /*artifact*/) { return {}; }

void RegistrySource::read_blob(const LayerDescriptor& layer, const Sink& sink) {
    const std::string what = fmt::format("{} blob {}", to_string(layer.role), layer.digest.text());
    attempting(name_.text(), [&] {
        BlobCheck check{what, layer.digest, layer.size};
        // Without a limit of the transport's own: it is the check that stops a longer answer and names the blob.
        const HttpResponse response = transport_.perform(
            {.method = "GET", .url = url("blobs/" + layer.digest.text()), .headers = {}, .most_bytes = UINT64_MAX},
            [&](std::string_view bytes) {
                check.take(bytes);
                sink(bytes);
            });
        if (response.status == kNotFound) {
            throw Error{Errc::incomplete_artifact, fmt::format("{} is missing in the registry", what)};
        }
        if (response.status != kOk) throw refusal(name_.host, response);
        check.finish();
    });
}

std::vector<std::string> RegistrySource::some_tags() noexcept {
    try {
        const HttpResponse response = transport_.perform(
            {.method = "GET", .url = url("tags/list?n=1000"), .headers = {}, .most_bytes = kMostTagListBytes}, {});
        if (response.status != kOk) return {};
        const JsonReader reader = JsonReader::parse(response.body, "tag list", Errc::bad_manifest);
        return reader.has("tags") ? reader.strings("tags") : std::vector<std::string>{};
    } catch (const std::exception&) {
        return {};
    }
}

}  // namespace overdrive
