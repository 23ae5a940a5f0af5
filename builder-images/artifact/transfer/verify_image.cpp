#include "builder-images/artifact/transfer/verify_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "builder-images/artifact/manifest_links.hpp"
#include "builder-images/artifact/transfer/sign_image.hpp"

namespace overdrive {

namespace {

/// A manifest that a node may pull.
struct Pulled {
    Digest digest;
    std::string architecture;
    std::optional<Digest> index;
};

std::vector<Pulled> pulled_of(ImageReader& place, const RawManifest& top,
                              const std::optional<std::string>& architecture) {
    const ManifestLinks links = links_of(top);
    std::vector<Pulled> pulled;
    if (!links.is_index) {
        const std::string own = architecture_of(place, links);
        if (!architecture || own.empty() || own == *architecture) pulled.push_back({top.digest, own, std::nullopt});
    }
    for (const IndexEntry& entry : links.manifests) {
        const bool wanted = entry.os == "linux" && (!architecture || entry.architecture == *architecture);
        if (wanted) pulled.push_back({entry.manifest.digest, entry.architecture, top.digest});
    }
    return pulled;
}

}  // namespace

std::vector<ManifestAnswer> verify_image(ImageReader& place, const RawManifest& top, const TrustPolicy& policy,
                                         const TrustedKeys& trusted, const VerifyRequest& request) {
    const std::vector<Pulled> pulled = pulled_of(place, top, request.architecture);
    if (pulled.empty())
        throw Error{Errc::no_artifact, fmt::format("{}: the image has nothing for {}", place.name(),
                                                   request.architecture.value_or("linux"))};
    std::vector<ManifestAnswer> answers;
    for (const Pulled& each : pulled) {
        std::vector<ImageSignature> signatures = read_signatures(place, each.digest);
        ImageClaim claim{.repository = request.repository, .tag = request.tag, .digests = {each.digest}};
        if (each.index) {
            claim.digests.push_back(*each.index);
            std::vector<ImageSignature> of_index = read_signatures(place, *each.index);
            std::move(of_index.begin(), of_index.end(), std::back_inserter(signatures));
        }
        answers.push_back({each.digest, each.architecture, ask_signatures(policy, trusted, claim, signatures)});
    }
    return answers;
}

}  // namespace overdrive
