#include "builder-images/artifact/index_merge.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "support/sha256.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

/// Names the manifest that an attestation is about. @see docker buildx, "Attestation storage"
constexpr const char* kAbout = "vnd.docker.reference.digest";

/// An entry as it is written, with what a merge decides by.
struct Entry {
    ordered_json json;
    IndexEntry read;

    [[nodiscard]] auto platform() const { return std::tie(read.os, read.architecture, read.variant); }
    [[nodiscard]] std::string about() const {
        const auto found = read.manifest.annotations.find(kAbout);
        return found == read.manifest.annotations.end() ? std::string{} : found->second;
    }
};

std::vector<Entry> entries_of(const RawManifest& index) {
    const ManifestLinks links = links_of(index);  // also sees that the document is well-formed
    const ordered_json document = ordered_json::parse(index.bytes);
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < links.manifests.size(); ++i)
        entries.push_back({document.at("manifests").at(i), links.manifests[i]});
    return entries;
}

RawManifest index_of(const ordered_json& manifests) {
    std::string bytes = index_document(manifests);
    const Digest digest = Digest::from_hex(sha256_hex(bytes));
    return {std::move(bytes), kIndexType, digest};
}

std::set<std::string> digests_of(const std::vector<Entry>& entries) {
    std::set<std::string> digests;
    for (const Entry& entry : entries) digests.insert(entry.read.manifest.digest.text());
    return digests;
}

/// The entries of `theirs` that stay: of another platform, and about no manifest that is replaced.
std::vector<Entry> staying(const std::vector<Entry>& ours, const std::vector<Entry>& theirs) {
    const auto replaced = [&](const Entry& entry) {
        return entry.about().empty() && std::any_of(ours.begin(), ours.end(), [&](const Entry& own) {
                   return own.about().empty() && own.platform() == entry.platform();
               });
    };
    std::set<std::string> gone = digests_of(ours);
    for (const Entry& entry : theirs)
        if (replaced(entry)) gone.insert(entry.read.manifest.digest.text());
    std::vector<Entry> stay;
    for (const Entry& entry : theirs)
        if (!gone.contains(entry.read.manifest.digest.text()) && !gone.contains(entry.about())) stay.push_back(entry);
    return stay;
}

}  // namespace

std::string index_document(const ordered_json& manifests) {
    return ordered_json{{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", manifests}}.dump();
}

RawManifest merge_index(const RawManifest& ours, const std::optional<RawManifest>& theirs) {
    if (!theirs || theirs->digest == ours.digest) return ours;
    const std::vector<Entry> own = entries_of(ours);
    const std::vector<Entry> before = entries_of(*theirs);
    const std::set<std::string> there = digests_of(before);
    const std::set<std::string> wanted = digests_of(own);
    if (std::includes(there.begin(), there.end(), wanted.begin(), wanted.end())) return *theirs;
    std::vector<Entry> all = staying(own, before);
    if (all.empty()) return ours;
    all.insert(all.end(), own.begin(), own.end());
    std::stable_sort(all.begin(), all.end(),
                     [](const Entry& a, const Entry& b) { return a.platform() < b.platform(); });
    ordered_json manifests = ordered_json::array();
    for (const Entry& entry : all) manifests.push_back(entry.json);
    return index_of(manifests);
}

RawManifest index_around(const BlobDescriptor& manifest, const std::string& os, const std::string& architecture) {
    const ordered_json entry{{"mediaType", manifest.media_type},
                             {"digest", manifest.digest.text()},
                             {"size", manifest.size},
                             {"platform", {{"architecture", architecture}, {"os", os}}}};
    return index_of(ordered_json::array({entry}));
}

std::vector<IndexEntry> entries_not_of(const RawManifest& ours, const RawManifest& index) {
    const std::set<std::string> own = digests_of(entries_of(ours));
    std::vector<IndexEntry> others;
    for (const Entry& entry : entries_of(index))
        if (!own.contains(entry.read.manifest.digest.text())) others.push_back(entry.read);
    return others;
}

}  // namespace overdrive
