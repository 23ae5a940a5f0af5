#include "registry/registry_source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/json_reader.hpp"
#include "model/pair_index.hpp"
#include "registry/blob_check.hpp"
#include "registry/blob_download.hpp"
#include "registry/http_fields.hpp"
#include "registry/image_manifest.hpp"
#include "registry/pair_index_manifest.hpp"
#include "registry/signature_manifest.hpp"
#include "registry/signature_search.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr long kOk = 200;
constexpr long kNotFound = 404;
constexpr long kUnauthorized = 401;

/// What one endpoint cannot give and another may.
bool may_be_elsewhere(Errc code) {
    switch (code) {
        case Errc::unreachable:
        case Errc::login_refused:
        case Errc::tls_refused:
        case Errc::truncated:
        case Errc::bad_manifest:
        case Errc::digest_mismatch:
        case Errc::incomplete_artifact:
            return true;
        default:
            return false;
    }
}

struct Failure {
    std::string host;
    Error error;
};

/// One failure as it is; several in one sentence, with the reason of the last, which is the configured place's.
[[noreturn]] void throw_all(const std::vector<Failure>& failures) {
    if (failures.size() == 1) throw Error{failures.front().error};
    std::string all;
    for (const Failure& failure : failures)
        all += fmt::format("{}{}: {}", all.empty() ? "" : "; ", failure.host, failure.error.what());
    throw Error{failures.back().error.code(), all}.with_remedy(failures.back().error.remedy());
}

/// A 404 of a registry, not of something that stands in its place.
void require_registry(RegistrySession& session, const HttpResponse& not_found) {
    const bool looks_like_one = !not_found.field("docker-distribution-api-version").empty() ||
                                not_found.body.find("\"errors\"") != std::string::npos;
    if (looks_like_one) return;
    const std::string base = session.url_of("");
    const std::string api = base.substr(0, base.find("/v2/") + 4);
    long status = 0;
    try {
        status = session.perform({.path = api, .most_bytes = 64U << 10U}, {}).status;
    } catch (const Error& error) {
        if (error.code() != Errc::login_refused) throw;
        status = kUnauthorized;
    }
    if (status == kOk || status == kUnauthorized) return;
    throw Error{Errc::unreachable, fmt::format("{} answers, but not as a registry does (HTTP {} to /v2/)",
                                               session.endpoint().host, status)};
}

/// Refuses what is no manifest at all, such as the page of a portal.
void require_manifest_type(const std::string& reference, const HttpResponse& response) {
    const std::string type = parse_media_type(response.field("content-type"));
    if (is_index_type(type) || is_manifest_type(type)) return;
    throw Error{Errc::bad_manifest,
                fmt::format("manifest '{}': '{}' is not the media type of a manifest", reference, type.substr(0, 100))};
}

/// Refuses a document that is not what its server says it is.
void check_announced(const std::string& reference, const HttpResponse& response, const std::string& digest) {
    const std::string announced = response.field("docker-content-digest");
    if (!announced.starts_with("sha256:") || announced == digest) return;
    throw Error{Errc::digest_mismatch,
                fmt::format("manifest '{}' is damaged: its bytes hash to {}, the registry says {}", reference, digest,
                            announced.substr(0, 100))};
}

}  // namespace

RegistrySource::RegistrySource(SourceName name, std::vector<Endpoint> endpoints, HttpTransport& transport,
                               LoginFinder& logins, Clock& clock, const Patience& patience)
    : name_{std::move(name)}, is_dead_(endpoints.size(), false) {
    sessions_.reserve(endpoints.size());
    for (Endpoint& endpoint : endpoints)
        sessions_.emplace_back(std::move(endpoint), transport, logins, clock, patience);
}

bool RegistrySource::ask(By by, const Question& question, const std::function<bool(const Error&)>& is_final) {
    std::vector<Failure> failures;
    const bool one_answer_will_do = by == By::signature_tag || by == By::referrers;
    bool is_told_no = false;
    const auto ask_one = [&](std::size_t index) {
        RegistrySession& session = sessions_[index];
        try {
            if (question(session)) return true;
            is_told_no = is_told_no || one_answer_will_do || !session.endpoint().is_mirror;
        } catch (const Error& error) {
            if (!may_be_elsewhere(error.code()) || (is_final && is_final(error))) throw;
            is_dead_[index] = error.code() == Errc::unreachable;
            failures.push_back({session.endpoint().host, error});
        }
        return false;
    };
    const std::vector<bool> dead_before = is_dead_;
    for (const bool dead : {false, true}) {
        for (std::size_t i = 0; i < sessions_.size(); ++i) {
            const Endpoint& endpoint = sessions_[i].endpoint();
            const bool fits = by == By::tag || by == By::signature_tag ? endpoint.for_tags : endpoint.for_digests;
            if (fits && dead_before[i] == dead && ask_one(i)) return true;
        }
    }
    if (!failures.empty() && !is_told_no) throw_all(failures);
    return false;
}

std::optional<RegistrySource::Document> RegistrySource::find_manifest(By by, const std::string& reference) {
    std::optional<Document> found;
    const auto get = [&](RegistrySession& session) {
        const HttpResponse response = session.perform(
            {.path = "manifests/" + reference, .headers = {manifest_accept_header()}, .most_bytes = kMostManifestBytes},
            {});
        if (response.status == kNotFound) {
            require_registry(session, response);
            return false;
        }
        if (response.status != kOk) throw refusal(session.endpoint(), response);
        require_manifest_type(reference, response);
        const std::string digest = "sha256:" + sha256_hex(response.body);
        check_announced(reference, response, digest);
        if (by == By::digest && digest != reference) {
            throw Error{Errc::digest_mismatch, fmt::format("manifest {} is damaged or not what it claims to be: its "
                                                           "bytes hash to {}",
                                                           reference, digest)};
        }
        found = Document{response.body, parse_media_type(response.field("content-type"))};
        return true;
    };
    static_cast<void>(ask(by, get));
    return found;
}

RegistrySource::Document RegistrySource::manifest_by_digest(const Digest& digest, std::uint64_t size,
                                                            const std::string& what) {
    auto document = find_manifest(By::digest, digest.text());
    if (!document) throw Error{Errc::incomplete_artifact, what + " is in the index, but the registry has it not"};
    check_blob(what, document->body, digest, size);
    return std::move(*document);
}

std::string RegistrySource::small_blob(const Digest& digest, std::uint64_t size, const std::string& what) {
    std::string body;
    const Sink keep = [&body](std::string_view bytes) { body += bytes; };
    BlobDownload download{what, digest, size, keep};
    static_cast<void>(ask(By::digest, [&](RegistrySession& session) {
        download.read_from(session);
        return true;
    }));
    return body;
}

std::string RegistrySource::identity_of(const std::string& tag) const {
    return fmt::format("{}/{}:{}", name_.host, name_.repository, tag);
}

std::optional<ResolvedArtifact> RegistrySource::artifact_of(const Document& top, const std::string& reference,
                                                            const std::string& architecture) {
    const Digest top_digest = Digest::from_hex(sha256_hex(top.body));
    ResolvedArtifact artifact{reference, top_digest, {}};
    if (is_index_type(top.media_type)) {
        const auto entries = parse_index(top.body, top.media_type, "index");
        const ManifestDescriptor* entry = select_platform(entries, architecture);
        if (entry == nullptr) return std::nullopt;
        const std::string what = "manifest " + entry->digest.text();
        const Document manifest = manifest_by_digest(entry->digest, entry->size, what);
        artifact.manifest_digest = entry->digest;
        artifact.layers = parse_image_manifest(manifest.body, entry->media_type, what).layers;
        artifact.index_digest = top_digest;
        return artifact;
    }
    ImageManifest manifest = parse_image_manifest(top.body, top.media_type, "manifest");
    if (architecture_of(manifest) != architecture) return std::nullopt;
    artifact.layers = std::move(manifest.layers);
    return artifact;
}

std::string RegistrySource::architecture_of(const ImageManifest& manifest) {
    if (!manifest.architecture.empty()) return manifest.architecture;
    if (manifest.config_size > kMostManifestBytes) {
        throw Error{Errc::bad_manifest, fmt::format("the image configuration claims {} bytes, more than the {} that "
                                                    "are allowed",
                                                    manifest.config_size, kMostManifestBytes)};
    }
    const std::string what = "image configuration " + manifest.config_digest.text();
    return parse_config_architecture(small_blob(manifest.config_digest, manifest.config_size, what), what);
}

std::optional<ResolvedArtifact> RegistrySource::resolve(const std::string& tag, const std::string& architecture) {
    const std::string reference = fmt::format("{}:{}", name_.text(), tag);
    return attempting(reference, [&]() -> std::optional<ResolvedArtifact> {
        const std::optional<Document> top = find_manifest(By::tag, tag);
        if (!top) return std::nullopt;
        auto artifact = artifact_of(*top, reference, architecture);
        if (artifact) artifact->identity = identity_of(tag);
        return artifact;
    });
}

std::optional<ResolvedArtifact> RegistrySource::resolve_pinned(const PinnedImage& image,
                                                               const std::string& architecture) {
    const std::string reference = fmt::format("{}:{}", name_.text(), image.tag);
    return attempting(reference, [&]() -> std::optional<ResolvedArtifact> {
        // The image index goes once its tag has moved and nothing else names it; signatures may be over it alone.
        std::optional<Document> top;
        if (image.image_index) top = find_manifest(By::digest, image.image_index->text());
        if (!top) top = find_manifest(By::digest, image.manifest.text());
        if (!top) return std::nullopt;
        auto artifact = artifact_of(*top, reference, architecture);
        if (!artifact) return std::nullopt;
        if (artifact->manifest_digest != image.manifest) {
            throw Error{Errc::bad_manifest,
                        fmt::format("the pair index names manifest {}, the image index that it names has {}",
                                    image.manifest.text(), artifact->manifest_digest.text())};
        }
        artifact->identity = identity_of(image.tag);
        return artifact;
    });
}

std::optional<ResolvedIndex> RegistrySource::find_pair_index() {
    const std::string reference = fmt::format("{}:{}", name_.text(), kPairIndexTag);
    return attempting(reference, [&]() -> std::optional<ResolvedIndex> {
        const std::optional<Document> manifest = find_manifest(By::tag, kPairIndexTag);
        if (!manifest) return std::nullopt;
        ResolvedArtifact image{reference, Digest::from_hex(sha256_hex(manifest->body)), {}};
        image.identity = identity_of(kPairIndexTag);
        return ResolvedIndex{std::move(image),
                             parse_pair_index_manifest(manifest->body, manifest->media_type, "pair index")};
    });
}

std::string RegistrySource::read_document(const DocumentBlob& document) {
    return attempting(name_.text(),
                      [&] { return small_blob(document.digest, document.size, "document " + document.digest.text()); });
}

std::vector<ImageSignature> RegistrySource::signatures(const ResolvedArtifact& artifact, const Enough& enough) {
    return attempting(fmt::format("{}: signatures", artifact.reference), [&] {
        const SignatureSearch::Fetch fetch = [this](const SignatureLayer& layer) {
            return small_blob(layer.digest, layer.size, "signature payload " + layer.digest.text());
        };
        SignatureSearch search{fetch, enough};
        std::vector<Digest> images{artifact.manifest_digest};
        if (artifact.index_digest) images.push_back(*artifact.index_digest);
        // The tags first: one request each, and every signer puts its signatures there unless told otherwise.
        for (std::size_t i = 0; i < images.size(); ++i)
            if (search.take(2 * i, tagged_signatures(images[i]))) return search.found();
        for (std::size_t i = 0; i < images.size(); ++i)
            if (search.take(2 * i + 1, referring_signatures(images[i]))) break;
        return search.found();
    });
}

std::vector<SignatureLayer> RegistrySource::tagged_signatures(const Digest& image) {
    const std::string tag = signature_tag(image);
    const auto manifest = find_manifest(By::signature_tag, tag);
    if (!manifest) return {};
    return parse_signature_manifest(manifest->body, manifest->media_type, "signatures " + tag);
}

std::vector<SignatureLayer> RegistrySource::referring_signatures(const Digest& image) {
    std::vector<SignatureLayer> layers;
    const auto referrers = list_referrers(image);
    if (!referrers) return layers;
    for (const ManifestDescriptor& entry : parse_referrers(*referrers, "referrers of " + image.text())) {
        const std::string what = "signature manifest " + entry.digest.text();
        const Document manifest = manifest_by_digest(entry.digest, entry.size, what);
        if (parse_subject(manifest.body, what) != image) continue;
        for (SignatureLayer& layer : parse_signature_manifest(manifest.body, manifest.media_type, what))
            layers.push_back(std::move(layer));
    }
    return layers;
}

std::optional<std::string> RegistrySource::list_referrers(const Digest& image) {
    std::optional<std::string> listed;
    const auto get = [&](RegistrySession& session) {
        const HttpResponse response = session.perform({.path = "referrers/" + image.text(),
                                                       .headers = {"Accept: application/vnd.oci.image.index.v1+json"},
                                                       .most_bytes = kMostManifestBytes},
                                                      {});
        // A registry without the referrers API answers 404, some 400 or 405; then the tag is looked at.
        if (response.status != kOk || !is_index_type(parse_media_type(response.field("content-type")))) return false;
        listed = response.body;
        return true;
    };
    static_cast<void>(ask(By::referrers, get));
    if (listed) return listed;
    auto document = find_manifest(By::signature_tag, referrers_tag(image));
    if (!document) return std::nullopt;
    return std::move(document->body);
}

void RegistrySource::read_blob(const LayerDescriptor& layer, const Sink& sink) {
    const std::string what = fmt::format("{} blob {}", to_string(layer.role), layer.digest.text());
    attempting(name_.text(), [&] {
        BlobDownload download{what, layer.digest, layer.size, sink};
        const auto read = [&](RegistrySession& session) {
            download.read_from(session);
            return true;
        };
        // What the sink has cannot be taken back: no other endpoint makes it right.
        static_cast<void>(ask(By::digest, read, [&](const Error& error) {
            return download.sink_failed() || error.code() == Errc::digest_mismatch;
        }));
    });
}

}  // namespace overdrive
