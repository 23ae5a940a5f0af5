#include "builder-images/artifact/transfer/registry_images.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "builder-images/artifact/manifest_links.hpp"
#include "builder-images/artifact/transfer/referrer_list.hpp"
#include "builder-images/artifact/transfer/registry_blob.hpp"
#include "builder-images/artifact/transfer/registry_refusal.hpp"
#include "builder-images/artifact/transfer/upload_place.hpp"
#include "model/json_reader.hpp"
#include "registry/blob_check.hpp"
#include "registry/http_fields.hpp"
#include "registry/image_manifest.hpp"
#include "registry/image_reference.hpp"
#include "registry/signature_manifest.hpp"

namespace overdrive {

namespace {

constexpr long kOk = 200;
constexpr long kNotFound = 404;
constexpr std::size_t kMostPages = 1000;

/// The tags of one page; a repository without any has null there.
std::vector<std::string> tags_of(const std::string& page) {
    const JsonReader reader = JsonReader::parse(page, "tag list", Errc::bad_manifest);
    std::vector<std::string> tags = reader.has("tags") ? reader.strings("tags") : std::vector<std::string>{};
    for (const std::string& tag : tags)
        if (!is_tag(tag)) throw Error{Errc::bad_manifest, "the list of tags has one that is none"};
    return tags;
}

}  // namespace

RegistryImages::RegistryImages(RegistrySession& session, std::string actions, UploadSettings settings)
    : session_{session}, actions_{std::move(actions)}, settings_{settings} {}

std::string RegistryImages::name() const {
    return fmt::format("docker://{}/{}", session_.endpoint().host, session_.endpoint().repository);
}

Error RegistryImages::refusal(std::string_view doing, const HttpResponse& response) const {
    const std::string repository = fmt::format("{}/{}", session_.endpoint().host, session_.endpoint().repository);
    return registry_refusal(fmt::format("{} {}", doing, repository), repository, response);
}

HttpResponse RegistryImages::ask(const std::string& method, const std::string& path, std::uint64_t most_bytes,
                                 std::vector<std::string> headers) {
    return session_.perform(
        {.method = method, .path = path, .headers = std::move(headers), .most_bytes = most_bytes, .actions = actions_},
        {});
}

std::optional<RawManifest> RegistryImages::get(const std::string& reference) {
    const HttpResponse response = ask("GET", "manifests/" + reference, kMostManifestBytes, {manifest_accept_header()});
    if (response.status == kNotFound) return std::nullopt;
    if (response.status != kOk) throw refusal("read from", response);
    const std::string document = fmt::format("manifest '{}' of {}", reference, name());
    RawManifest manifest = checked_manifest(response.body, parse_media_type(response.field("content-type")), document);
    const std::string said = response.field("docker-content-digest");
    if (said.starts_with("sha256:") && said != manifest.digest.text()) {
        throw Error{Errc::digest_mismatch, fmt::format("{} hashes to {}, the registry says {}", document,
                                                       manifest.digest.text(), said.substr(0, 100))};
    }
    return manifest;
}

std::optional<RawManifest> RegistryImages::tagged(const std::string& tag) {
    if (tag.empty()) {
        throw Error{Errc::bad_reference, fmt::format("'{}' names no tag and no digest", name())}.with_remedy(
            fmt::format("name one: {}:TAG; 'overdrive-artifact list {}' prints those there are", name(), name()));
    }
    return get(tag);
}

std::optional<RawManifest> RegistryImages::manifest(const Digest& digest) {
    std::optional<RawManifest> found = get(digest.text());
    if (found && found->digest != digest)
        throw Error{Errc::digest_mismatch,
                    fmt::format("{}: manifest {} hashes to {}", name(), digest.text(), found->digest.text())};
    return found;
}

void RegistryImages::read_blob(const BlobDescriptor& blob, const Sink& sink) {
    attempting(name(), [&] { read_registry_blob(session_, blob, settings_.piece_bytes, sink); });
}

std::vector<std::string> RegistryImages::tags(std::size_t most) {
    std::vector<std::string> all;
    std::string next = "tags/list?n=1000";
    for (std::size_t page = 0; page < kMostPages && !next.empty(); ++page) {
        const HttpResponse response = ask("GET", next, kMostManifestBytes);
        if (response.status == kNotFound && page == 0) return {};
        if (response.status != kOk) throw refusal("list the tags of", response);
        std::vector<std::string> some = tags_of(response.body);
        all.insert(all.end(), some.begin(), some.end());
        if (all.size() > most) throw Error{Errc::bad_manifest, fmt::format("'{}' has more than {} tags", name(), most)};
        const auto link = parse_next_link(response.field("link"));
        const std::string before = std::exchange(next, link ? absolute_url(session_.endpoint(), *link) : std::string{});
        if (!next.empty() && (next == before || some.empty() || !is_on_endpoint(session_.endpoint(), next)))
            throw Error{Errc::bad_manifest,
                        fmt::format("the list of tags of '{}' goes on at another repository, or in a circle", name())};
    }
    if (!next.empty()) throw Error{Errc::bad_manifest, fmt::format("the list of tags of '{}' does not end", name())};
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

std::optional<std::string> RegistryImages::ask_referrers(const Digest& subject) {
    const HttpResponse response = ask("GET", "referrers/" + subject.text(), kMostManifestBytes);
    // Registries without the list answer 404, some with a page of their own.
    lists_referrers_ = response.status == kOk && parse_media_type(response.field("content-type")) == kIndexType;
    return *lists_referrers_ ? std::optional{response.body} : std::nullopt;
}

std::vector<BlobDescriptor> RegistryImages::referrers(const Digest& subject, std::string_view artifact_type) {
    std::optional<std::string> list = lists_referrers_.value_or(true) ? ask_referrers(subject) : std::nullopt;
    if (!list) {
        const auto kept_by_tag = get(referrers_tag(subject));
        if (!kept_by_tag || !is_index_type(kept_by_tag->media_type)) return {};
        list = kept_by_tag->bytes;
    }
    return listed_referrers(*list, artifact_type);
}

bool RegistryImages::lists_referrers() {
    // Any digest will do: a registry that has the list answers with an empty one.
    if (!lists_referrers_) static_cast<void>(ask_referrers(Digest::from_hex(std::string(64, '0'))));
    return *lists_referrers_;
}

bool RegistryImages::has_blob(const BlobDescriptor& blob) {
    const HttpResponse response = ask("HEAD", "blobs/" + blob.digest.text(), 0);
    if (response.status == kOk) return true;
    if (response.status == kNotFound) return false;
    throw refusal("look for a blob in", response);
}

BlobMove RegistryImages::put_blob(const BlobDescriptor& blob, const BlobOrigin& origin) {
    return BlobUpload{session_, settings_, blob, origin}.run();
}

void RegistryImages::put(const std::string& reference, const RawManifest& manifest) {
    std::size_t given = 0;
    const HttpResponse response =
        session_.perform({.method = "PUT",
                          .path = "manifests/" + reference,
                          .headers = {"Content-Type: " + manifest.media_type},
                          .most_bytes = kMostRefusalBytes,
                          .body = HttpBody{manifest.bytes.size(),
                                           [&](std::size_t most) {
                                               const auto some = std::string_view{manifest.bytes}.substr(given, most);
                                               given += some.size();
                                               return some;
                                           }},
                          .rewind = [&] { given = 0; },
                          .actions = actions_},
                         {});
    if (response.status != 201 && response.status != kOk)
        throw refusal(fmt::format("put manifest '{}' into", reference), response);
    const std::string said = response.field("docker-content-digest");
    if (!said.empty() && said != manifest.digest.text())
        throw Error{Errc::digest_mismatch,
                    fmt::format("{} keeps manifest {} as '{}'", name(), manifest.digest.text(), said.substr(0, 100))};
}

void RegistryImages::put_manifest(const RawManifest& manifest) {
    const HttpResponse response = ask("HEAD", "manifests/" + manifest.digest.text(), 0, {manifest_accept_header()});
    if (response.status != kOk) put(manifest.digest.text(), manifest);
}

bool RegistryImages::put_tag(const std::string& tag, const RawManifest& manifest) {
    const HttpResponse response = ask("HEAD", "manifests/" + tag, 0, {manifest_accept_header()});
    if (response.status == kOk && response.field("docker-content-digest") == manifest.digest.text()) return false;
    put(tag, manifest);
    return true;
}

HttpResponse RegistryImages::ask_to_delete(const std::string& reference) {
    return session_.perform({.method = "DELETE",
                             .path = "manifests/" + reference,
                             .most_bytes = kMostRefusalBytes,
                             .actions = actions_ + ",delete"},
                            {});
}

bool RegistryImages::remove_tag(const std::string& tag) {
    const HttpResponse response = ask_to_delete(tag);
    if (response.status / 100 == 2 || response.status == kNotFound) return true;
    // Registries that know only digests: 405 by the specification, Docker's registry 2 says that the digest is bad.
    if (response.status == 405 || response.status == 400) return false;
    throw refusal("remove a tag from", response);
}

void RegistryImages::remove_manifest(const Digest& digest) {
    const HttpResponse response = ask_to_delete(digest.text());
    if (response.status / 100 == 2 || response.status == kNotFound) return;
    if (response.status == 405)
        throw Error{Errc::read_only,
                    fmt::format("{} does not remove anything ({})", name(), registry_words(response.body))}
            .with_remedy(
                "let the registry delete (Docker's registry: storage.delete.enabled), or remove the tags with "
                "its own means");
    throw refusal("remove an image from", response);
}

}  // namespace overdrive
