#include "builder-images/artifact/transfer/pair_facts.hpp"

#include <fmt/format.h>

#include "builder-images/artifact/inspect.hpp"
#include "builder-images/artifact/manifest_links.hpp"

namespace overdrive {

namespace {

OfferedPair facts_of(const InspectedImage& image, const RawManifest& top) {
    const DriverManifest& driver = image.driver;
    OfferedPair offer{.pair = driver.pair(),
                      .os_id = driver.os_id,
                      .os_version_id = driver.os_version_id,
                      .kernel_release = driver.kernel_release,
                      .vermagic = driver.vermagic,
                      .build_id = driver.build_id,
                      .architecture = driver.architecture,
                      .module_type = driver.module_type,
                      .manifest = image.manifest,
                      .unpacked_bytes = driver.size_bytes};
    if (top.digest != image.manifest) offer.image_index = top.digest;
    for (const InspectedImage::Layer& layer : image.layers) offer.download_bytes += layer.size;
    return offer;
}

/// The architectures of an image; nullopt stands for the only one of a manifest.
std::vector<std::optional<std::string>> architectures_of(const RawManifest& top) {
    const ManifestLinks links = links_of(top);
    if (!links.is_index) return {std::nullopt};
    std::vector<std::optional<std::string>> found;
    for (const IndexEntry& entry : links.manifests)
        if (entry.os == "linux") found.emplace_back(entry.architecture);  // attestations say "unknown"
    return found;
}

}  // namespace

std::vector<OfferedPair> pair_facts(ImageReader& place, const RawManifest& top, const std::string& tag) {
    std::vector<OfferedPair> offers;
    for (const auto& architecture : architectures_of(top)) {
        const InspectedImage image =
            inspect(place, top, {.tag = tag, .architecture = architecture, .every_blob = false});
        OfferedPair offer = facts_of(image, top);
        if (tag_of(offer.pair) != tag) {
            throw Error{Errc::usage, fmt::format("'{}' holds {}, which nodes ask for as '{}'", tag, offer.pair.path(),
                                                 tag_of(offer.pair))}
                .with_remedy(
                    fmt::format("add '{}', the tag of its own; other tags are for people", tag_of(offer.pair)));
        }
        offers.push_back(std::move(offer));
    }
    if (offers.empty()) throw Error{Errc::no_artifact, fmt::format("'{}' has nothing for linux", tag)};
    return offers;
}

}  // namespace overdrive
