#include "builder-images/artifact/transfer/signature_set.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "builder-images/artifact/manifest_links.hpp"
#include "builder-images/artifact/transfer/referrer_list.hpp"
#include "registry/signature_manifest.hpp"
#include "support/base64.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr const char* kNever = "0001-01-01T00:00:00Z";

Digest digest_of(const std::string& bytes) { return Digest::from_hex(sha256_hex(bytes)); }

/// Parses a manifest that is known to be well-formed.
ordered_json document_of(const RawManifest& manifest) {
    static_cast<void>(links_of(manifest));
    ordered_json document = ordered_json::parse(manifest.bytes);
    if (!document.contains("layers")) document["layers"] = ordered_json::array();
    return document;
}

/// What tells signatures apart: one payload may be signed by several keys.
using Identity = std::pair<std::string, std::string>;

/// Of the layers of a set, in their order.
std::vector<Identity> identities_of(const RawManifest& set) {
    const std::vector<BlobDescriptor> blobs = links_of(set).blobs;
    std::vector<Identity> identities;
    for (std::size_t i = 1; i < blobs.size(); ++i) {  // behind the configuration
        const auto signature = blobs[i].annotations.find(kSignatureAnnotation);
        identities.emplace_back(blobs[i].digest.text(),
                                signature == blobs[i].annotations.end() ? std::string{} : signature->second);
    }
    return identities;
}

/// The configuration that cosign writes for so many layers; payloads are not compressed.
std::string config_for(const ordered_json& layers) {
    ordered_json created = ordered_json::object();
    created["created"] = kNever;
    ordered_json history = ordered_json::array();
    ordered_json diff_ids = ordered_json::array();
    for (const ordered_json& layer : layers) {
        history.push_back(created);
        diff_ids.push_back(layer.at("digest"));
    }
    ordered_json config = ordered_json::object();
    config["architecture"] = "";
    config["created"] = kNever;
    config["history"] = history;
    config["os"] = "";
    config["rootfs"] = {{"type", "layers"}, {"diff_ids", diff_ids}};
    config["config"] = ordered_json::object();
    return config.dump();
}

SignatureSet finished(ordered_json document, const char* config_type) {
    std::string config = config_for(document.at("layers"));
    document["config"] = {{"mediaType", config_type}, {"size", config.size()}, {"digest", digest_of(config).text()}};
    std::string bytes = document.dump();
    const Digest digest = digest_of(bytes);
    return {{std::move(bytes), kManifestType, digest}, std::move(config)};
}

ordered_json manifest_of(const ordered_json& layers) {
    return {{"schemaVersion", 2}, {"mediaType", kManifestType}, {"config", nullptr}, {"layers", layers}};
}

std::set<Identity> identities_in(const std::vector<RawManifest>& sets) {
    std::set<Identity> all;
    for (const RawManifest& set : sets) {
        const std::vector<Identity> some = identities_of(set);
        all.insert(some.begin(), some.end());
    }
    return all;
}

/// The layers of a set that are not in `there`, as they are written; they are in it then.
ordered_json layers_not_in(std::set<Identity>& there, const RawManifest& set) {
    const ordered_json layers = document_of(set).at("layers");
    const std::vector<Identity> identities = identities_of(set);
    ordered_json others = ordered_json::array();
    for (std::size_t i = 0; i < identities.size(); ++i)
        if (there.insert(identities[i]).second) others.push_back(layers.at(i));
    return others;
}

}  // namespace

SignatureSet signature_set(const std::string& payload, const std::string& base64_signature) {
    const ordered_json layer{{"mediaType", kSignaturePayloadType},
                             {"size", payload.size()},
                             {"digest", digest_of(payload).text()},
                             {"data", encode_base64(payload)},
                             {"annotations", {{kSignatureAnnotation, base64_signature}}}};
    return finished(manifest_of(ordered_json::array({layer})), kConfigType);
}

SignatureSet attestation_set(const std::string& envelope, const std::string& predicate_type) {
    // cosign wants the annotation of a signature; an envelope has its signatures inside.
    const ordered_json layer{{"mediaType", kEnvelopeType},
                             {"size", envelope.size()},
                             {"digest", digest_of(envelope).text()},
                             {"annotations", {{kSignatureAnnotation, ""}, {"predicateType", predicate_type}}}};
    return finished(manifest_of(ordered_json::array({layer})), kConfigType);
}

std::optional<SignatureSet> add_to_set(const std::optional<RawManifest>& theirs, const RawManifest& ours) {
    ordered_json document = theirs ? document_of(*theirs) : manifest_of(ordered_json::array());
    std::set<Identity> there = theirs ? identities_in({*theirs}) : std::set<Identity>{};
    const ordered_json added = layers_not_in(there, ours);
    if (added.empty()) return std::nullopt;
    ordered_json& layers = document.at("layers");
    layers.insert(layers.end(), added.begin(), added.end());
    return finished(std::move(document), kConfigType);
}

std::vector<SignatureSet> referrers_of(const RawManifest& image, const RawManifest& set,
                                       const std::vector<RawManifest>& already) {
    std::set<Identity> there = identities_in(already);
    std::vector<SignatureSet> referrers;
    for (const ordered_json& layer : layers_not_in(there, set)) {
        ordered_json referrer = manifest_of(ordered_json::array({layer}));
        referrer["subject"] = {
            {"mediaType", image.media_type}, {"size", image.bytes.size()}, {"digest", image.digest.text()}};
        referrers.push_back(finished(std::move(referrer), kSignatureArtifactType));
    }
    return referrers;
}

std::size_t signatures_in(const RawManifest& set) { return identities_of(set).size(); }

}  // namespace overdrive
