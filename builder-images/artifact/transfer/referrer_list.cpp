#include "builder-images/artifact/transfer/referrer_list.hpp"

#include <nlohmann/json.hpp>

#include "builder-images/artifact/index_merge.hpp"
#include "builder-images/artifact/manifest_links.hpp"
#include "model/json_reader.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr const char* kTitle = "org.opencontainers.image.title";

ordered_json descriptor(const std::string& media_type, const std::string& content) {
    return {{"mediaType", media_type}, {"digest", "sha256:" + sha256_hex(content)}, {"size", content.size()}};
}

RawManifest manifest_of(std::string bytes, const char* media_type) {
    const Digest digest = Digest::from_hex(sha256_hex(bytes));
    return {std::move(bytes), media_type, digest};
}

}  // namespace

RawManifest referrer_manifest(const BlobDescriptor& subject, const Attachment& attachment) {
    ordered_json layer = descriptor(attachment.media_type, attachment.content);
    layer["annotations"] = {{kTitle, attachment.title}};
    const ordered_json document{
        {"schemaVersion", 2},
        {"mediaType", kManifestType},
        {"artifactType", attachment.artifact_type},
        {"config", descriptor(kEmptyType, kEmptyContent)},
        {"layers", ordered_json::array({layer})},
        {"subject", {{"mediaType", subject.media_type}, {"digest", subject.digest.text()}, {"size", subject.size}}}};
    return manifest_of(document.dump(), kManifestType);
}

std::optional<RawManifest> add_referrer(const std::optional<RawManifest>& list, const RawManifest& referrer,
                                        const Attachment& attachment) {
    ordered_json entries = ordered_json::array();
    if (list) {
        for (const IndexEntry& entry : links_of(*list).manifests)
            if (entry.manifest.digest == referrer.digest) return std::nullopt;
        entries = ordered_json::parse(list->bytes).at("manifests");
    }
    entries.push_back({{"mediaType", referrer.media_type},
                       {"digest", referrer.digest.text()},
                       {"size", referrer.bytes.size()},
                       {"artifactType", attachment.artifact_type}});
    return manifest_of(index_document(entries), kIndexType);
}

std::vector<BlobDescriptor> listed_referrers(std::string_view list, std::string_view artifact_type) {
    std::vector<BlobDescriptor> found;
    for (const JsonReader& entry :
         JsonReader::parse(list, "list of referrers", Errc::bad_manifest).objects("manifests")) {
        if (entry.optional_string("artifactType") == artifact_type)
            found.push_back(
                {entry.string("mediaType"), Digest::parse(entry.string("digest")), entry.number("size"), {}});
    }
    return found;
}

}  // namespace overdrive
