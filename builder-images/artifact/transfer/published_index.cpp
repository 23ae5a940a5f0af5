#include "builder-images/artifact/transfer/published_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "builder-images/artifact/transfer/sign_image.hpp"
#include "registry/pair_index_manifest.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr int kMostOverwritten = 10;

Digest digest_of(std::string_view bytes) { return Digest::from_hex(sha256_hex(bytes)); }

std::string read_document(ImageReader& place, const RawManifest& manifest) {
    const DocumentBlob blob = parse_pair_index_manifest(manifest.bytes, manifest.media_type,
                                                        "manifest of the pair index " + manifest.digest.text());
    std::string text;
    place.read_blob({kPairIndexType, blob.digest, blob.size, {}}, [&](std::string_view bytes) { text += bytes; });
    return text;
}

Error not_vouched_for(const ImageReader& place, const std::string& why) {
    return Error{Errc::untrusted, fmt::format("the pair index of {} is not vouched for: {}", place.name(), why)}
        .with_remedy(
            "give the public key that signed it with --key, or make it anew from the images themselves: "
            "'overdrive-artifact index rebuild'");
}

/// One index as the two blobs and the manifest that it is made of.
struct Written {
    std::string document;
    RawManifest manifest;
};

Written written(const PairIndex& index) {
    using nlohmann::ordered_json;
    std::string document = index.to_json();
    const std::string_view config = kEmptyConfig;
    const ordered_json manifest{
        {"schemaVersion", 2},
        {"mediaType", kManifestType},
        {"artifactType", kPairIndexArtifactType},
        {"config", {{"mediaType", kEmptyConfigType}, {"digest", digest_of(config).text()}, {"size", config.size()}}},
        {"layers",
         ordered_json::array(
             {{{"mediaType", kPairIndexType}, {"digest", digest_of(document).text()}, {"size", document.size()}}})}};
    std::string bytes = manifest.dump();
    const Digest digest = digest_of(bytes);
    return {std::move(document), {std::move(bytes), kManifestType, digest}};
}

void put_text(ImageWriter& place, const char* media_type, std::string_view text) {
    const BlobDescriptor blob{media_type, digest_of(text), text.size(), {}};
    if (place.has_blob(blob)) return;
    BlobOrigin origin;
    origin.read = [&](const ImageReader::Sink& sink) { sink(text); };
    place.put_blob(blob, origin);
}

/// One attempt after another to make a change to what is there.
class Change {
public:
    Change(ImageWriter& place, const IndexTrust& trust, const IndexWriting& writing, const IndexEdit& edit,
           Clock& clock)
        : place_{place}, trust_{trust}, writing_{writing}, edit_{edit}, clock_{clock} {}

    IndexChange run() {
        bool wrote = false;
        for (int tries = 0; tries < kMostOverwritten; ++tries) {
            const auto before = read_before();
            PairIndex next = before ? before->index : PairIndex{};
            next.repository = writing_.repository;
            edit_(next);
            sort_offers(next.pairs);
            if (before && next.offers_the_same(before->index))
                return {.changed = wrote, .index = std::move(next), .digest = before->manifest.digest};
            const auto now = static_cast<std::uint64_t>(clock_.wall().count());
            next.created = now;
            next.serial = std::max(now, next.serial + 1);
            const Written made = written(next);
            if (writing_.dry_run) return {.changed = true, .index = std::move(next)};
            if (!publish(made, next.serial, before ? std::optional{before->manifest.digest} : seen_)) continue;
            wrote = true;
            if (is_ours(made.manifest.digest))
                return {.changed = true, .index = std::move(next), .digest = made.manifest.digest};
        }
        throw Error{Errc::busy, fmt::format("{}: others keep overwriting the pair index", place_.name())}.with_remedy(
            "run it again; one job that adds all tags of a pipeline at once is better than many");
    }

private:
    std::optional<PublishedIndex> read_before() {
        seen_.reset();
        try {
            return read_published_index(place_, trust_);
        } catch (const Error& error) {
            const bool is_of_index = error.code() == Errc::untrusted || error.code() == Errc::bad_manifest;
            if (!writing_.anew || !is_of_index) throw;
            if (const auto there = place_.tagged(kPairIndexTag)) seen_ = there->digest;
            return std::nullopt;
        }
    }

    [[nodiscard]] std::optional<Digest> tag_now() {
        const auto there = place_.tagged(kPairIndexTag);
        return there ? std::optional{there->digest} : std::nullopt;
    }

    /// @return false when somebody else moved the tag since it was read
    bool publish(const Written& made, std::uint64_t serial, const std::optional<Digest>& before) {
        put_text(place_, kEmptyConfigType, kEmptyConfig);
        put_text(place_, kPairIndexType, made.document);
        place_.put_manifest(made.manifest);
        static_cast<void>(sign_images(place_, {made.manifest}, writing_.key,
                                      {.identity = fmt::format("{}:{}", writing_.repository, kPairIndexTag),
                                       .serial = serial,
                                       .annotations = {},
                                       .allow_lower_serial = true}));
        if (tag_now() != before) return false;
        place_.put_tag(kPairIndexTag, made.manifest);
        return true;
    }

    bool is_ours(const Digest& digest) {
        if (tag_now() != digest) return false;
        if (writing_.settle.count() == 0) return true;
        clock_.sleep(writing_.settle);
        return tag_now() == digest;
    }

    ImageWriter& place_;
    const IndexTrust& trust_;
    const IndexWriting& writing_;
    const IndexEdit& edit_;
    Clock& clock_;
    std::optional<Digest> seen_;  ///< what the tag names, where that could not be taken
};

}  // namespace

std::optional<PublishedIndex> read_published_index(ImageReader& place, const IndexTrust& trust) {
    auto manifest = place.tagged(kPairIndexTag);
    if (!manifest) return std::nullopt;
    const ImageClaim claim{.repository = trust.repository, .tag = kPairIndexTag, .digests = {manifest->digest}};
    ImageAnswer answer;
    if (!trust.keys.keys.empty()) {
        answer = ask_signatures(trust.policy, trust.keys, claim, read_signatures(place, manifest->digest));
        if (!answer.vouching) throw not_vouched_for(place, answer.why_not);
    }
    PairIndex index = PairIndex::parse(read_document(place, *manifest));
    if (!is_for(index.repository, claim, trust.policy))
        throw Error{Errc::bad_manifest,
                    fmt::format("the pair index of {} is that of '{}'", place.name(), index.repository)};
    return PublishedIndex{std::move(*manifest), std::move(answer), std::move(index)};
}

IndexChange change_index(ImageWriter& place, const IndexTrust& trust, const IndexWriting& writing,
                         const IndexEdit& edit, Clock& clock) {
    return Change{place, trust, writing, edit, clock}.run();
}

}  // namespace overdrive
