#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ports/artifact_source.hpp"
#include "ports/progress.hpp"
#include "registry/blob_check.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {

/// A source whose blobs are in memory. Its faults are those of a bad line or a bad registry.
class FakeSource final : public ArtifactSource {
public:
    struct Faults {
        std::optional<std::uint64_t> cut_after;  ///< bytes after which the stream ends as if complete
        std::optional<std::uint64_t> flip_at;    ///< byte that has one bit changed
        std::optional<std::uint64_t> break_at;   ///< bytes after which the source throws `unreachable`
    };

    /// @return the descriptor of a blob with these bytes
    LayerDescriptor add(const std::string& bytes, LayerRole role,
                        const std::string& media_type = "application/vnd.oci.image.layer.v1.tar+zstd") {
        const std::string hex = sha256_hex(bytes);
        blobs[hex] = bytes;
        return {.digest = Digest::from_hex(hex), .size = bytes.size(), .media_type = media_type, .role = role};
    }

    [[nodiscard]] std::string name() const override { return "fake:"; }
    [[nodiscard]] std::optional<ResolvedArtifact> resolve(const std::string& /*tag*/,
                                                          const std::string& /*architecture*/) override {
        return artifact;
    }
    std::vector<ImageSignature> signatures(const ResolvedArtifact& /*artifact*/, const Enough& enough) override {
        asked_before_signatures = asked.size();
        if (signatures_fail) throw Error{*signatures_fail, "signatures: injected"};
        std::vector<ImageSignature> found = image_signatures;
        if (further_signatures.empty() || enough(found)) return found;
        found.insert(found.end(), further_signatures.begin(), further_signatures.end());
        return found;
    }
    void read_blob(const LayerDescriptor& layer, const Sink& sink) override {
        asked.push_back(layer.role);
        BlobCheck check{"blob " + layer.digest.text(), layer.digest, layer.size};
        std::string bytes = blobs.at(std::string{layer.digest.hex()});
        if (faults.flip_at) bytes.at(*faults.flip_at) = static_cast<char>(bytes.at(*faults.flip_at) ^ 0x10);
        if (faults.cut_after) bytes.resize(*faults.cut_after);
        for (std::size_t at = 0; at < bytes.size(); at += chunk) {
            if (faults.break_at && at >= *faults.break_at) throw Error{Errc::unreachable, "the line went dead"};
            const std::string_view part = std::string_view{bytes}.substr(at, chunk);
            check.take(part);
            sink(part);
            delivered += part.size();
        }
        check.finish();
    }
    [[nodiscard]] std::optional<ResolvedIndex> find_pair_index() override { return std::nullopt; }
    [[nodiscard]] std::string read_document(const DocumentBlob& /*document*/) override { return {}; }
    [[nodiscard]] std::optional<ResolvedArtifact> resolve_pinned(const PinnedImage& image,
                                                                 const std::string& architecture) override {
        return resolve(image.tag, architecture);
    }
    [[nodiscard]] bool may_be_partial() const override { return false; }

    std::map<std::string, std::string> blobs;  ///< by digest, hex
    std::optional<ResolvedArtifact> artifact;
    Faults faults;
    std::vector<ImageSignature> image_signatures;
    std::vector<ImageSignature> further_signatures;  ///< in another place, which is asked when those are not enough
    std::optional<Errc> signatures_fail;
    std::optional<std::size_t> asked_before_signatures;  ///< blobs; nullopt: nobody asked for signatures
    std::size_t chunk = 16384;
    std::uint64_t delivered = 0;
    std::vector<LayerRole> asked;
};

/// Counts what it is told.
class FakeProgress final : public Progress {
public:
    void begin(std::string_view what, std::uint64_t total_bytes) override {
        stretches.emplace_back(what);
        total += total_bytes;
    }
    void advance(std::uint64_t bytes) override { advanced += bytes; }
    void end() override { ++ended; }

    std::vector<std::string> stretches;
    std::uint64_t total = 0;
    std::uint64_t advanced = 0;
    int ended = 0;
};

}  // namespace overdrive
